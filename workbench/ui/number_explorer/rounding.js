// The chosen format in detail: its formula, and every rounding mode on the line between the two neighbours.

const MODES = {
  nearest_even: "nearest, ties even",
  nearest_away: "nearest, ties away",
  toward_zero: "toward zero",
  up: "up",
  down: "down",
  stochastic: "stochastic",
};
const ENDS = [0.07, 0.93]; // where the neighbours stand on the line

// Place of a number on the line, 0 to 1. A side without a level (or an infinite one) is an open end.
function lineOf(x, below, above) {
  const [left, right] = ENDS;
  const closed = (level) => level !== null && Number.isFinite(level);
  if (closed(below) && closed(above) && Number.isFinite(x))
    return (value) => (value >= above ? right : value <= below ? left : left + ((right - left) * (value - below)) / (above - below));
  const middle = (left + right) / 2;
  if (closed(below)) return (value) => (value === x ? middle : value <= below ? left : right);
  if (closed(above)) return (value) => (value === x ? middle : value >= above ? right : left);
  return () => middle;
}

const percentOf = (place) => `${(100 * place).toFixed(2)}%`;

function arrow(from, to, words) {
  const width = Math.abs(to - from);
  const side = to > from ? "right" : "left";
  return h(
    "span",
    { class: `wb-arrow wb-arrow-${width < 1e-6 ? "stay" : side}`, style: `left:${percentOf(Math.min(from, to))};width:${percentOf(width)}` },
    words ? h("em", { text: words }) : null,
  );
}

function lane(detail, mode, place, x) {
  const outcomes = mode.outcomes.map(([value, share]) => [read(value), read(share)]);
  const chance = outcomes.length > 1;
  const arrows = outcomes.map(([value, share]) => arrow(place(x), place(value), chance ? shownShare(share) : ""));
  const result = h("td", { class: "wb-lane-result", data: { metric: `rounding.${mode.name}`, value: mode.outcomes.map(([value]) => value).join(" ") } });
  outcomes.forEach(([value, share], i) => {
    result.append(
      h("span", { class: "wb-outcome", data: { share: String(share) }, text: `${i ? "or " : ""}${shown(value)}` }),
    );
  });
  return h(
    "tr",
    { class: mode.name === detail.rounding ? "wb-own" : null, data: { mode: mode.name } },
    h("th", { scope: "row", text: MODES[mode.name] ?? mode.name, title: mode.words }),
    h("td", { class: "wb-lane" }, h("i", { class: "wb-lane-x", style: `left:${percentOf(place(x))}` }), ...arrows),
    result,
  );
}

function scaleLine(x, below, above, place) {
  const mark = (at, cls, text, title) => h("span", { class: `wb-line-mark ${cls}`, style: `left:${percentOf(at)}`, text, title });
  const open = (level) => level === null ? "no level" : shown(level);
  return h(
    "div",
    { class: "wb-line-axis" },
    mark(ENDS[0], `wb-mark-left${below === null ? " wb-open" : ""}`, open(below), "the level below"),
    mark(place(x), "wb-mark-x", "x", "the number itself"),
    mark(ENDS[1], `wb-mark-right${above === null ? " wb-open" : ""}`, open(above), "the level above"),
  );
}

// Mode by overflow policy, where the policies do not agree.
function policies(detail) {
  const names = Object.keys(detail.overflows);
  const modes = detail.roundings.filter((mode) => Object.keys(mode.by_overflow).length);
  if (names.length < 2 || modes.every((mode) => new Set(Object.values(mode.by_overflow)).size === 1)) return null;
  return h(
    "table",
    { class: "wb-policies", "aria-label": "the same by overflow policy" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "beyond the range, if overflow is" }), ...names.map((name) => h("th", { scope: "col", class: name === detail.overflow ? "wb-own" : null, text: name, title: detail.overflows[name] })))),
    h("tbody", {}, ...modes.map((mode) => h("tr", {}, h("th", { scope: "row", text: MODES[mode.name] ?? mode.name }),
      ...names.map((name) => h("td", { data: { metric: `overflow.${mode.name}.${name}`, value: mode.by_overflow[name] }, class: name === detail.overflow ? "wb-own" : null, text: shown(read(mode.by_overflow[name])) }))))),
  );
}

function rounding() {
  const title = h("h3", { class: "wb-heading" });
  const formula = h("span", { class: "wb-formula", data: { metric: "chosen.formula" }, "aria-label": "formula of the chosen format" });
  const result = h("b", { class: "wb-result" });
  const body = h("div", { class: "wb-lanes" });
  const element = h("section", { class: "wb-rounding", "aria-label": "rounding in the chosen format" }, title, h("p", { class: "wb-formula-line" }, formula, result), body);
  let key = "";
  const paint = (detail) => {
    const now = JSON.stringify(detail);
    if (now === key) return;
    key = now;
    const [x, below, above, decoded] = [detail.value, detail.below, detail.above, detail.decoded].map(read);
    put(title, `${shown(x)} in ${detail.title}`);
    putFormula(formula, detail.formula);
    attr(formula, "data-value", detail.formula);
    put(result, Number.isFinite(decoded) ? ` = ${shown(decoded, 17)}` : "");
    if (Number.isNaN(x) || (below === null && above === null)) {
      body.replaceChildren(h("p", { class: "wb-muted", text: Number.isNaN(x) ? "NaN is not rounded; it has no neighbours." : "There is nothing to round." }));
      return;
    }
    const place = lineOf(x, below, above);
    const lanes = h(
      "table",
      { class: "wb-lane-table", "aria-label": `rounding in ${detail.title}` },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", text: "rounding" }), h("th", { class: "wb-axis-cell", scope: "col" }, scaleLine(x, below, above, place)), h("th", { scope: "col", class: "wb-lane-result", text: "gives" }))),
      h("tbody", {}, ...detail.roundings.map((mode) => lane(detail, mode, place, x))),
    );
    const own = h("p", { class: "wb-muted", text: `In bold: how ${detail.title} rounds by itself; its overflow: ${detail.overflow}.` });
    body.replaceChildren(...[lanes, policies(detail), own].filter(Boolean));
  };
  return { element, paint };
}
