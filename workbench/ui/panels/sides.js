// Weights and activations of a layer next to one another: their values, and what is cut off.

const [WIDTH, HEIGHT, FOOT] = [480, 260, 236]; // of the drawing, which is stretched to its place

function drawing(side) {
  const ends = [side.low, side.high, ...(side.bounds ? [side.bounds[0], side.bounds[3]] : [])];
  const [from, to] = [Math.min(...ends, 0), Math.max(...ends, 0)];
  const x = (value) => WIDTH * (0.02 + (0.96 * (value - from)) / (to - from || 1));
  const most = Math.log1p(Math.max(...side.counts, 1));
  const picture = svg("svg", { class: "wb-side-svg", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  let outline = `M${x(side.low).toFixed(1)},${FOOT}`;
  side.counts.forEach((count, i) => {
    const right = side.low + ((side.high - side.low) * (i + 1)) / side.counts.length;
    outline += `V${(FOOT - (Math.log1p(count) / most) * (FOOT - 8)).toFixed(1)}H${x(right).toFixed(1)}`;
  });
  picture.append(svg("path", { class: "wb-side-shape", d: `${outline}V${FOOT}Z` }));
  if (side.bounds) {
    const [low, inner, least, high] = side.bounds.map(x);
    picture.append(
      svg("rect", { class: "wb-side-beyond", x: 0, y: 0, width: Math.max(0, low), height: FOOT }),
      svg("rect", { class: "wb-side-beyond", x: high, y: 0, width: Math.max(0, WIDTH - high), height: FOOT }),
    );
    for (const [a, b] of [[low, inner], [least, high]]) if (Math.abs(b - a) > 1) picture.append(svg("rect", { class: "wb-side-spread", x: Math.min(a, b), y: 0, width: Math.abs(b - a), height: FOOT }));
    for (const place of side.bounds[0] < 0 ? [low, high] : [high]) picture.append(svg("line", { class: "wb-side-bound", x1: place, x2: place, y1: 0, y2: FOOT }));
  }
  picture.append(svg("line", { class: "wb-side-foot", x1: 0, x2: WIDTH, y1: FOOT, y2: FOOT }));
  return [picture, x];
}

function ticks(side, x) {
  const values = [side.low, 0, side.high].filter((value, i, all) => i === 1 || Math.abs(x(value) - x(0)) > WIDTH / 8);
  return values.map((value) => {
    const tick = h("span", { class: "wb-side-tick", text: figure3(value) });
    tick.style.left = `${((100 * x(value)) / WIDTH).toFixed(2)}%`;
    return tick;
  });
}

// The thresholds' numbers, at their lines; two of them where both ends cut off. A threshold a channel: the widest.
function bounds(side, x) {
  if (!side.bounds) return [];
  const [low, , , high] = side.bounds;
  const both = low < 0;
  return [...(both ? [[low, "wb-side-T wb-side-T-low"]] : []), [high, "wb-side-T"]].map(([value, kind]) => {
    const label = h("span", { class: kind, text: both ? figure3(value) : `T ${figure3(value)}` });
    const place = (100 * x(value)) / WIDTH;
    const inward = kind.endsWith("low") ? place < 50 : place <= 50; // to the side where there is room
    label.style[inward ? "left" : "right"] = `${(inward ? place : 100 - place).toFixed(2)}%`;
    return label;
  });
}

// What the coloured bands mean, of those that are drawn: cut off, and from the narrowest to the widest threshold.
function legend(side) {
  if (!side.bounds) return [];
  const [low, inner, least, high] = side.bounds;
  const spread = low !== inner || least !== high;
  const entries = [["wb-side-key-beyond", "cut off"], ...(spread ? [["wb-side-key-spread", `${side.groups} thresholds`]] : [])];
  return entries.map(([kind, words]) => h("span", { class: "wb-side-key" }, h("i", { class: kind }), words));
}

function figuresOf(side) {
  if (side.sqnr_db === null && side.mse === null) return [];
  const cut = side.saturated_fraction;
  const rows = [["SQNR", side.sqnr_db === null ? "–" : `${Number(side.sqnr_db).toFixed(2)} dB`], ["MSE", figure3(side.mse)], ["cut off", cut === null ? "–" : `${cut ? (100 * cut).toPrecision(2) : 0} %`]];
  return rows.map(([name, value]) => h("span", { class: "wb-side-figure" }, h("span", { class: "wb-muted", text: `${name} ` }), h("b", { text: value })));
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-sides", "weights and activations of the layer side by side");
  const row = h("div", { class: "wb-side-row" });
  const none = h("p", { class: "wb-missing-words" });
  const missing = h("div", { class: "wb-side-missing" }, none);
  root.append(row, missing);

  function card(side) {
    const [picture, x] = drawing(side);
    return h("button", {
      class: "wb-side", type: "button", title: `${side.tensor}: show it alone, and drag its threshold`, data: { tensor: side.tensor },
      "aria-label": `${side.title}: ${side.choice}; show alone`, onclick: () => model.send({ kind: "select", tensor: side.tensor }),
    },
      h("span", { class: "wb-side-head" }, h("b", { text: side.title }), h("span", { class: "wb-muted wb-side-name", text: side.tensor }), h("span", { class: "wb-side-alone", text: "show alone" })),
      h("span", { class: "wb-side-choice", text: side.choice }),
      h("span", { class: "wb-side-legend" }, ...legend(side)),
      h("span", { class: "wb-side-plot" }, picture, ...ticks(side, x), ...bounds(side, x)),
      h("span", { class: "wb-side-foot-line" }, ...figuresOf(side), h("span", { class: "wb-muted", text: `${side.n.toLocaleString("en-US")} values, counts logarithmic` })),
    );
  }

  const paint = () => {
    const v = model.get("view");
    if (!v.open) return;
    missing.hidden = !v.missing && !v.waiting;
    put(none, v.missing || v.waiting);
    const focused = document.activeElement?.closest?.(".wb-side")?.dataset.tensor;
    row.replaceChildren(...v.sides.map(card));
    if (focused !== undefined) [...row.children].find((each) => each.dataset.tensor === focused)?.focus();
  };
  listen(model, "change:view", paint, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
