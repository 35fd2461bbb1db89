// A mark where every method would put the threshold: in a lane above the error curves, one click adopts it.

const ROW = 15; // px
const LETTER = 6.5; // px, mean width of a letter of a label
const NEAR = 1.5; // px: rings may overlap, labels may not; marks closer than twice this are one

// adopt(mark) is called on a click.
function makeMarks(plot, adopt) {
  for (const element of plot.markElements || []) element.remove();
  plot.markElements = [];
  for (const mark of [...(plot.meta.marks || []), ...bestAtOutput(plot)]) {
    for (const bound of plot.meta.symmetric || mark.low === 0 ? ["high"] : ["high", "low"]) {
      const button = make("button", "wb-mark", plot.view.stage, BUTTON);
      make("span", "wb-mark-ring", button);
      const label = make("span", "wb-mark-label", button);
      if (bound === "high") label.textContent = mark.name;
      const range = plot.meta.symmetric ? readable(mark.high) : `${readable(mark.low)} to ${readable(mark.high)}`;
      button.title = `${mark.name}: ${range}${mark.db === undefined ? "" : `, ${mark.db.toFixed(1)} dB there`}. Click to adopt.`;
      button.setAttribute("aria-label", `adopt ${mark.name}, ${range}`);
      if (bound === "low") button.tabIndex = -1;
      button.addEventListener("click", () => adopt(mark));
      button.mark = mark;
      button.bound = bound;
      plot.markElements.push(button);
    }
  }
}

// Labels in two rows, to the right or left of their ring, so that nothing is overlapped; marks at one place share a label.
function placeMarks(plot, geometry) {
  plot.stems = [];
  const strip = geometry.strips[1];
  const clusters = [];
  for (const button of [...(plot.markElements || [])].sort((a, b) => a.mark[a.bound] - b.mark[b.bound])) {
    const x = geometry.toPixel(button.mark[button.bound]);
    const visible = Boolean(strip) && x >= geometry.left - 0.5 && x <= geometry.right + 0.5;
    const last = clusters[clusters.length - 1];
    const ofOutput = button.mark.db !== undefined;
    const joins = visible && last && x - last.x < 2 * NEAR && last.button.bound === button.bound;
    show(button, visible && (!joins || ofOutput));
    if (joins) {
      if (!ofOutput) {
        last.names.splice(last.ofOutput ? -1 : last.names.length, 0, button.mark.name); // that one stays the last
        continue;
      }
      last.names.push(button.mark.name);
      show(last.button, false); // of those at one place the optimum at the output is adopted
      Object.assign(last, { button, ofOutput });
    } else if (visible) clusters.push({ button, x, ofOutput, names: [button.mark.name] });
  }
  for (const cluster of clusters) if (cluster.names.length > 1) cluster.button.title = `${cluster.names.join(", ")}. Click to adopt.`;
  let spots = null;
  for (const shorten of [false, true]) {
    labelMarks(clusters, shorten);
    spots = bestSpots(clusters, geometry);
    if (!spots.some(({ bare }, i) => bare && clusters[i].width)) break;
  }
  clusters.forEach(({ button, x, ofOutput }, i) => {
    const { row, side, bare } = spots[i];
    const y = strip.top - 15 - row * ROW;
    button.classList.toggle("wb-left", side < 0);
    button.classList.toggle("wb-bare", bare);
    place(button, x, y);
    plot.stems.push({ x, y: y + 5, ofOutput });
  });
}

// shorten: the optimum at the output is called by its last word where its whole name has no room.
function labelMarks(clusters, shorten) {
  for (const cluster of clusters) {
    const { names, ofOutput } = cluster;
    const best = ofOutput && shorten ? names.at(-1).split(" ").pop() : names.at(-1);
    const others = names.length > 2 ? `${names.length - 1} methods` : names[0];
    const together = names.length === 1 ? best : ofOutput ? `${best} · ${others}` : names.length > 2 ? `${names.length} methods` : names.join(" · ");
    const text = cluster.button.bound === "low" ? "" : together;
    put(cluster.button.querySelector(".wb-mark-label"), text);
    cluster.width = text ? text.length * LETTER + 8 : 0;
  }
}

// Tries rows and sides for all marks together (a handful) and keeps the choice with the fewest labels left out.
function bestSpots(clusters, geometry) {
  let best = null;
  let least = Infinity;
  const chosen = [];
  const visit = (i, cost) => {
    if (cost >= least) return;
    if (i === clusters.length) return void ([best, least] = [chosen.map((s) => ({ ...s })), cost]);
    const { x, width, ofOutput } = clusters[i];
    for (const row of [0, 1]) {
      for (const side of width ? [1, -1, 0] : [0]) {
        const [from, to] = side > 0 ? [x - NEAR, x + 8 + width] : side < 0 ? [x - 8 - width, x + NEAR] : [x - NEAR, x + NEAR];
        const spot = { row, side, from, to, x, bare: side === 0 };
        if (side && (to > geometry.width - 2 || from < geometry.left - 30)) continue;
        if (chosen.some((other) => collide(spot, other))) continue;
        chosen.push(spot);
        visit(i + 1, cost + (side === 0 && width ? (ofOutput ? 150 : 100) : 0) + row * 2 + (side < 0 ? 1 : 0));
        chosen.pop();
      }
    }
  };
  visit(0, 0);
  return best || clusters.map(() => ({ row: 0, side: 0, bare: true }));
}

// In one row, or the lower one over the stem that comes down from the upper one.
function collide(a, b) {
  if (a.row === b.row) return a.from < b.to && a.to > b.from;
  const [lower, upper] = a.row < b.row ? [a, b] : [b, a];
  return upper.x > lower.from && upper.x < lower.to;
}
