// A mark where every method would put the threshold: in a lane above the error curves, one click adopts it.

const ROW = 15; // px
const LETTER = 6.5; // px, mean width of a letter of a label
const NEAR = 1.5; // px: rings may overlap, labels may not; marks closer than twice this are one

// adopt(mark) is called on a click.
function makeMarks(plot, adopt) {
  for (const element of plot.markElements || []) element.remove();
  plot.markElements = [];
  for (const mark of plot.meta.marks || []) {
    for (const bound of plot.meta.symmetric || mark.low === 0 ? ["high"] : ["high", "low"]) {
      const button = make("button", "wb-mark", plot.view.stage, BUTTON);
      make("span", "wb-mark-ring", button);
      const label = make("span", "wb-mark-label", button);
      if (bound === "high") label.textContent = mark.name;
      const range = plot.meta.symmetric ? readable(mark.high) : `${readable(mark.low)} to ${readable(mark.high)}`;
      button.title = `${mark.name}: ${range}. Click to adopt.`;
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
    const joins = visible && last && x - last.x < 2 * NEAR && last.button.bound === button.bound;
    show(button, visible && !joins);
    if (joins) last.names.push(button.mark.name);
    else if (visible) clusters.push({ button, x, names: [button.mark.name] });
  }
  for (const cluster of clusters) {
    const label = cluster.button.querySelector(".wb-mark-label");
    const text = cluster.button.bound === "low" ? "" : cluster.names.length > 2 ? `${cluster.names.length} methods` : cluster.names.join(" · ");
    put(label, text);
    cluster.width = text ? text.length * LETTER + 8 : 0;
    if (cluster.names.length > 1) cluster.button.title = `${cluster.names.join(", ")}. Click to adopt.`;
  }
  const spots = bestSpots(clusters, geometry);
  clusters.forEach(({ button, x }, i) => {
    const { row, side, bare } = spots[i];
    const y = strip.top - 15 - row * ROW;
    button.classList.toggle("wb-left", side < 0);
    button.classList.toggle("wb-bare", bare);
    place(button, x, y);
    plot.stems.push({ x, y: y + 5 });
  });
}

// Tries rows and sides for all marks together (a handful) and keeps the choice with the fewest labels left out.
function bestSpots(clusters, geometry) {
  let best = null;
  let least = Infinity;
  const chosen = [];
  const visit = (i, cost) => {
    if (cost >= least) return;
    if (i === clusters.length) return void ([best, least] = [chosen.map((s) => ({ ...s })), cost]);
    const { x, width } = clusters[i];
    for (const row of [0, 1]) {
      for (const side of width ? [1, -1, 0] : [0]) {
        const [from, to] = side > 0 ? [x - NEAR, x + 8 + width] : side < 0 ? [x - 8 - width, x + NEAR] : [x - NEAR, x + NEAR];
        const spot = { row, side, from, to, x, bare: side === 0 };
        if (side && (to > geometry.width - 2 || from < geometry.left - 30)) continue;
        if (chosen.some((other) => collide(spot, other))) continue;
        chosen.push(spot);
        visit(i + 1, cost + (side === 0 && width ? 100 : 0) + row * 2 + (side < 0 ? 1 : 0));
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
