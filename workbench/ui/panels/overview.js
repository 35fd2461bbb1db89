// The whole network as a heat map, and the neighbours of the selected layer in the colours of one of its rows.

// [figure, title, what it is, how bad a value is from 0 to 1, the value in words]
const bounded = (x) => Math.min(1, Math.max(0, x));
const FIGURES = [
  ["weight", "weights", "SQNR of the weights, dB", (x) => bounded((50 - x) / 40), (x) => `weights ${x >= 99 ? "exact" : `${x.toFixed(1)} dB`}`],
  ["activation", "activations", "SQNR of the worst activation that it reads, dB", (x) => bounded((50 - x) / 40), (x) => `activations ${x >= 99 ? "exact" : `${x.toFixed(1)} dB`}`],
  ["network", "so far", "SQNR of what reaches it in the quantized network, against float, dB", (x) => bounded((50 - x) / 40), (x) => `so far in the network ${x >= 99 ? "exact" : `${x.toFixed(1)} dB`}`],
  ["saturated", "saturated", "share of values that are cut off", (x) => (x > 0 ? bounded((Math.log10(x) + 6) / 5) : 0), (x) => `${x > 0 ? `${(100 * x).toPrecision(2)} %` : "nothing"} cut off`],
  ["bits", "bits", "bits of its widest tensor; darker is narrower", (x) => bounded((16 - x) / 14), (x) => (x >= 32 ? "float" : `${x} bits`)],
];

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page wb-overview", "overview of the network");
  const words = h("div", { class: "wb-page-words", text: "every layer, first to last · darker is worse · a click selects" });
  const canvas = h("canvas", { class: "wb-heat", tabindex: "0", role: "slider", "aria-label": "layer", "aria-valuemin": "1" });
  const labels = h("div", { class: "wb-heat-labels", role: "radiogroup", "aria-label": "figure that colours the neighbours" });
  const around = h("div", { class: "wb-neighbours", role: "group", "aria-label": "neighbours of the selected layer" });
  root.append(words, h("div", { class: "wb-heat-room" }, labels, canvas), around);
  let chosen = 1;
  let pointed = null;

  const view = () => model.get("view");
  const colours = () => { const style = getComputedStyle(root); return { paper: style.getPropertyValue("--wb-grid"), bad: style.getPropertyValue("--wb-clipping"), ink: style.getPropertyValue("--wb-ink"), none: style.getPropertyValue("--wb-paper") }; };
  const shade = ({ paper, bad, none }, figure, x) => (x === null || x === undefined ? none : `color-mix(in srgb, ${bad} ${Math.round(100 * figure[3](x))}%, ${paper})`);
  const choose = (index) => model.send({ kind: "select", index });
  const wordsOf = (place) => {
    const v = view();
    const parts = FIGURES.filter(([name]) => v.figures[name][place] !== null).map(([name, , , , say]) => say(v.figures[name][place]));
    return `${v.names[place]} (${v.operators[place]}): ${parts.join(" · ")}`;
  };

  labels.append(...FIGURES.map(([, title, meaning], i) => h("button", { class: "wb-heat-label", type: "button", role: "radio", text: title, title: `${meaning}. Click: the neighbours below take this colour.`, onclick: () => { chosen = i; paint(); } })));
  labels.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    chosen = (chosen + step + FIGURES.length) % FIGURES.length;
    paint();
    labels.children[chosen].focus();
  });

  function drawHeat(v) {
    const { clientWidth: width, clientHeight: height } = canvas;
    const ratio = window.devicePixelRatio || 1;
    [canvas.width, canvas.height] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const [n, tall] = [v.names.length, height / FIGURES.length];
    const wide = width / Math.max(n, 1);
    const gap = wide > 5 ? 1 : 0;
    const paints = colours();
    FIGURES.forEach((figure, row) => v.figures[figure[0]]?.forEach((x, i) => {
      pen.fillStyle = shade(paints, figure, x);
      pen.fillRect(i * wide, row * tall, Math.max(wide - gap, 0.6), tall - 1);
    }));
    for (const [place, strong] of [[v.selected, true], [pointed, false]]) {
      if (place === null || place < 0) continue;
      pen.strokeStyle = paints.ink;
      pen.lineWidth = strong ? 2 : 1;
      pen.strokeRect(place * wide - 0.5, 0.5, Math.max(wide, 3), height - 2);
    }
  }

  function paint() {
    const v = view();
    if (!v.open) return;
    [...labels.children].forEach((label, i) => { attr(label, "aria-checked", i === chosen ? "true" : "false"); attr(label, "tabindex", i === chosen ? "0" : "-1"); });
    drawHeat(v);
    const told = pointed ?? v.selected;
    put(words, told >= 0 ? wordsOf(told) : "every layer, first to last · darker is worse · a click selects");
    attr(canvas, "aria-valuemax", v.names.length);
    attr(canvas, "aria-valuenow", v.selected + 1);
    attr(canvas, "aria-valuetext", v.selected >= 0 ? wordsOf(v.selected) : "none");
    const paints = colours();
    drawNeighbours(around, v, (place) => shade(paints, FIGURES[chosen], v.figures[FIGURES[chosen][0]][place]), wordsOf, choose);
  }

  const at = (event) => Math.min(view().names.length - 1, Math.max(0, Math.floor((event.offsetX / canvas.clientWidth) * view().names.length)));
  canvas.addEventListener("pointermove", (event) => { const place = at(event); if (place !== pointed) { pointed = place; paint(); } });
  canvas.addEventListener("pointerleave", () => { pointed = null; paint(); });
  canvas.addEventListener("click", (event) => { if (view().names.length) choose(at(event)); });
  canvas.addEventListener("keydown", (event) => {
    const v = view();
    const goal = { ArrowRight: v.selected + 1, ArrowLeft: v.selected - 1, Home: 0, End: v.names.length - 1, PageDown: v.selected + 10, PageUp: v.selected - 10 }[event.key];
    if (goal === undefined || !v.names.length) return; // nothing has come yet
    event.preventDefault();
    event.stopPropagation();
    choose(Math.min(v.names.length - 1, Math.max(0, goal)));
  });

  // asked for only while it is on the screen
  let open = false;
  const seen = () => {
    const now = root.clientHeight > 0;
    if (now !== open) { open = now; model.send({ kind: "open", open }); }
    if (now) paint();
  };
  const size = new ResizeObserver(seen);
  size.observe(root);
  const theme = new MutationObserver(paint);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  signal?.addEventListener("abort", () => { size.disconnect(); theme.disconnect(); });
  listen(model, "change:view", paint, signal);
  sayHello(model, signal);
}

export default { render };
