// Every live number once, painted from the "workbench-live" event of the plot in the same app.

const ROWS = [
  ["mse", "MSE", "", "ink", "mean of (x − y)²: how far the quantized values y lie from the values x, squared, in squared units of the tensor"],
  ["rounding_mse", "rounding", "", "rounding", "the part of the MSE from values between the end levels: Σ (x − y)² / n over values inside the range"],
  ["clipping_mse", "clipping", "", "clipping", "the part of the MSE from values beyond the end levels: Σ (x − y)² / n over saturated values"],
  ["sqnr_db", "SQNR", "dB", "ink", "signal to quantization noise: 10 log₁₀(Σ x² / Σ (x − y)²); 6 dB more is about one bit more"],
  ["kl", "KL divergence", "nats", "divergence", "how much the histogram changes: Σ P ln(P / Q), P the values in 2048 bins, Q the same after quantization"],
  ["cosine", "cosine", "", "ink", "x·y / (|x| |y|): 1 where the direction is kept; below 0.98 a layer deserves a look"],
  ["max_abs", "largest error", "", "ink", "max |x − y|: the worst single value, usually one that is cut off"],
  ["saturated_fraction", "saturated", "%", "ink", "share of values beyond the end levels, which all become the end level"],
  ["zeroed_fraction", "rounded to zero", "%", "ink", "share of values that are not 0 but become 0: those within half a step of it"],
  ["levels_used", "levels used", "", "ink", "levels that at least one value goes to, of those the format has"],
];

const ofLevels = (n) => (n < 1e5 ? n.toLocaleString("en-US") : `${(n / 1e3).toFixed(0)} k`);

function row(parent, [name, title, unit, colour, meaning]) {
  const value = h("b", { class: "wb-number-value", text: "–" });
  const units = h("span", { class: "wb-number-unit", text: unit });
  const why = h("button", { class: "wb-number-why", type: "button", text: "?", "aria-label": `explain ${title}`, "aria-expanded": "false" });
  const part = name === "rounding_mse" || name === "clipping_mse" ? " wb-part" : "";
  parent.append(h("div", { class: `wb-number wb-colour-${colour}${part}`, title: meaning }, h("span", { class: "wb-number-name", text: title }), value, units, why));
  return { name, title, value, unit: units, why };
}

// The explanation of a number opens beside its "?" and follows the number while it changes.
function explaining(cells, detail) {
  let about = cells[0];
  const [formula, numbers, meaning] = [h("p", { class: "wb-explain-formula" }), h("p", { class: "wb-explain-numbers" }), h("p")];
  const title = h("b", { class: "wb-explain-title" });
  const turn = (step) => { // to the next number, which the box itself may cover
    const next = cells[(cells.indexOf(about) + step + cells.length) % cells.length];
    popup.hide(false);
    about = next;
    popup.show();
    (step > 0 ? later : earlier).focus({ preventScroll: true });
  };
  const earlier = h("button", { class: "wb-link", type: "button", text: "‹", "aria-label": "the number before", onclick: () => turn(-1) });
  const later = h("button", { class: "wb-link", type: "button", text: "›", "aria-label": "the next number", onclick: () => turn(1) });
  const close = h("button", { class: "wb-link", type: "button", text: "Close", onclick: () => popup.hide(true) });
  const popup = popupOf(() => about.why, "wb-explain", "what stands behind the number", {
    width: 330,
    opened: (box) => { box.replaceChildren(h("div", { class: "wb-explain-head" }, title, earlier, later, close), formula, numbers, meaning); write(); },
    closed() {},
    spares: (target) => target.closest?.(".wb-plot"), // it follows a handle that is dragged
  });
  function write() {
    if (!popup.isOpen() || !detail()) return;
    const words = explanationOf(about.name, detail());
    put(title, about.title);
    put(formula, words.formula);
    put(numbers, words.numbers);
    put(meaning, words.meaning);
    popup.place();
  }
  for (const cell of cells) {
    cell.why.addEventListener("click", () => {
      const again = popup.isOpen() && about === cell;
      popup.hide(false);
      if (again) return;
      about = cell;
      popup.show();
    });
  }
  return { write, hide: () => popup.hide(false) };
}

const PERCENTS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const ROUNDING = 2e-14; // of the mean square of values and levels: what sums in float64 can lose

// One phrase, and what stands behind it: how far the true MSE can lie from the one shown.
function certainty(detail) {
  if (detail.live) return ["live, settled when the handle is let go", "computed in the browser while the handle moves; Python's own figures follow"];
  if (!detail.interval) return ["", ""];
  if (detail.n_samples) return sampledWords(detail);
  const { mse, sqnr_db: decibels } = detail.metrics;
  const [low, high] = detail.interval;
  const off = Math.max(mse - low, high - mse);
  const meanSquare = mse > 0 ? mse * 10 ** (decibels / 10) : Math.max(detail.low ** 2, detail.high ** 2);
  if (!Number.isFinite(mse) || off <= Math.max(1e-9 * mse, ROUNDING * meanSquare)) return ["exact", "read off the values themselves, but for the rounding of float64"];
  const behind = `read off counts and moments of all values: the true MSE lies between ${outward(low, 5, Math.floor)} and ${outward(high, 5, Math.ceil)}`;
  const percent = PERCENTS.find((p) => 100 * off <= p * mse);
  if (percent) return [`MSE certain to ${percent} %`, behind];
  const most = outward(high, 2, Math.ceil);
  const wide = "; the levels are finer than the rows that values are counted in, and the MSE shown takes the values in a row as spread smoothly";
  return [low > 0 ? `MSE between ${outward(low, 2, Math.floor)} and ${most}` : `MSE at most ${most}`, behind + wide];
}

// n digits, rounded away from the middle, so that what is promised stays true.
function outward(x, n, round) {
  if (!(x > 0)) return "0";
  const unit = 10 ** (Math.floor(Math.log10(x)) + 1 - n);
  return digits(round(x / unit) * unit, n).replaceAll("-", MINUS);
}

// Of a few samples nothing is certain: the interval is two standard errors of their mean to either side.
function sampledWords({ n_samples: n, interval, metrics }) {
  const words = `measured on ${n} sample${n > 1 ? "s" : ""}`;
  const percent = 100 * ((interval[1] - metrics.mse) / metrics.mse);
  const behind = "two standard errors of the mean over the samples to either side";
  if (!Number.isFinite(percent)) return [words, ""];
  return [`${words}, MSE ±${percent < 99.5 ? `${Number(percent.toPrecision(2))} %` : shownNumber("mse", interval[1] - metrics.mse)}`, behind];
}

function render({ el, signal }) {
  const root = rootOf(el, "wb-numbers", "error, live");
  root.append(h("h3", { class: "wb-heading", text: "Error, live" }));
  const cells = [];
  let bar = null;
  for (const spec of ROWS) {
    cells.push(row(root, spec));
    if (spec[0] === "mse") {
      bar = h("div", { class: "wb-parts", title: "rounding (green) and clipping (vermilion) parts of the MSE" }, h("i"), h("i"));
      root.append(bar);
    }
  }
  for (const cell of cells) cell.value.dataset.metric = cell.name;
  const sure = h("p", { class: "wb-certainty" });
  root.append(sure);
  let last = null;
  const explained = explaining(cells, () => last);
  signal?.addEventListener("abort", explained.hide);

  const paint = ({ detail }) => {
    const { metrics } = detail;
    last = detail;
    for (const cell of cells) {
      const x = metrics[cell.name];
      const raw = x === null || x === undefined ? "" : String(x);
      if (cell.value.dataset.value === raw) continue;
      cell.value.dataset.value = raw;
      put(cell.value, shownNumber(cell.name, x));
    }
    const of = cells[cells.length - 1].unit;
    const most = detail.n_levels && metrics.levels_used !== null ? `/${ofLevels(detail.n_levels)}` : "";
    put(of, most);
    const share = metrics.mse > 0 && Number.isFinite(metrics.mse) ? (100 * metrics.rounding_mse) / metrics.mse : metrics.mse > 0 ? 0 : 100;
    bar.firstChild.style.width = `${share.toFixed(2)}%`;
    bar.classList.toggle("wb-none", !(metrics.mse > 0));
    const [words, behind] = certainty(detail);
    put(sure, words);
    if (sure.title !== behind) sure.title = behind;
    explained.write();
  };
  const heard = (event) => {
    if (event.target instanceof Element && appOf(event.target) === appOf(root)) paint(event);
  };
  document.addEventListener("workbench-live", heard, { signal });
  const ask = (tries) => {
    if (!root.isConnected && tries > 0) return void requestAnimationFrame(() => ask(tries - 1));
    root.dispatchEvent(new CustomEvent("workbench-ask", { bubbles: true }));
  };
  ask(600);
}

export default { render };
