// The comparison: a table that is sorted by a click on a heading; one click in a row adopts its format.

const COLUMNS = [
  ["title", "format", "", false],
  ["family", "family", "", false],
  ["bits", "bits", "bits of one code; blocks with their share of the scale", true],
  ["coded", "coded", "bits a value after entropy coding: frequent codes are written shorter", true],
  ["sqnr_db", "SQNR dB", "signal to quantization noise on this tensor", true],
  ["mse", "MSE", "mean squared error", true],
  ["kl", "KL nats", "how much the histogram changes", true],
  ["levels", "levels used", "levels that at least one value goes to", true],
  ["range", "range", "lowest and highest level", true],
];
const LOWER_FIRST = new Set(["title", "family", "bits", "coded", "mse", "kl"]);

const short = (x) => (Math.abs(x) >= 1000 && Math.abs(x) < 1e5 ? String(Math.round(x)) : x === 0 ? "0" : Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3 ? x.toExponential(2).replace("e+", "e") : String(+x.toPrecision(3))).replaceAll("-", MINUS);

function cellText(column, row) {
  if (column === "title") return row.title;
  if (column === "family") return row.family;
  if (column === "bits") return String(+row.bits.toFixed(2));
  if (row.why) return "";
  if (column === "range") return row.low === undefined || row.name === "fp32" ? "" : `${short(row.low)} to ${short(row.high)}`;
  if (row.name === "fp32" && column === "levels") return "";
  const x = number(row[column]);
  if (x === undefined) return row.known ? "–" : "…";
  if (x === null) return "–";
  if (column === "sqnr_db") return decibels(row.sqnr_db);
  if (!Number.isFinite(x)) return "∞";
  if (column === "levels") return x.toLocaleString("en-US");
  if (column === "coded") return x.toFixed(2);
  if (column === "kl" && x < 1e-15) return "0"; // what rounding leaves of it
  return short(x);
}

function sortKey(column, row) {
  if (column === "title" || column === "family") return row[column];
  if (column === "range") return row.high ?? null;
  const x = number(row[column]);
  return x === undefined ? null : x;
}

// Those without a value come last, whichever way it is sorted.
function sorted(rows, column, ascending) {
  const sign = ascending ? 1 : -1;
  return [...rows].sort((a, b) => {
    const [x, y] = [sortKey(column, a), sortKey(column, b)];
    if (x === null || y === null) return (x === null) - (y === null) || a.order - b.order;
    const by = typeof x === "string" ? x.localeCompare(y) : x < y ? -1 : x > y ? 1 : 0;
    return sign * by || a.bits - b.bits || a.order - b.order;
  });
}

function comparisonTable(adopt) {
  let [column, ascending, rows, present, shown] = ["sqnr_db", false, [], "", []];
  const heads = COLUMNS.map(([name, title, meaning, right]) => {
    const button = h("button", { class: "wb-sort", type: "button", text: title, title: meaning ? `${meaning}; a click sorts` : "a click sorts", onclick: () => {
      ascending = column === name ? !ascending : LOWER_FIRST.has(name);
      column = name;
      paint();
    } });
    return h("th", { scope: "col", class: right ? "wb-right" : "", data: { column: name } }, button);
  });
  const body = h("tbody");
  const element = h("table", { class: "wb-comparison" }, h("thead", {}, h("tr", {}, ...heads)), body);
  const lines = new Map();

  function lineOf(row) {
    if (lines.has(row.name)) return lines.get(row.name);
    const button = h("button", { class: "wb-adopt", type: "button" });
    const cells = COLUMNS.map(([name, , , right]) => h("td", { class: right ? "wb-right" : "", data: { column: name } }));
    cells[0].append(button);
    const line = h("tr", { data: { format: row.name }, onclick: () => { if (!isRefused(button)) adopt(row.name); } }, ...cells);
    lines.set(row.name, line);
    return line;
  }

  function paint() {
    heads.forEach((head) => attr(head, "aria-sort", head.dataset.column !== column ? "none" : ascending ? "ascending" : "descending"));
    shown = sorted(rows, column, ascending);
    const order = shown.map((row) => {
      const line = lineOf(row);
      COLUMNS.forEach(([name], i) => put(i ? line.children[i] : line.children[0].firstChild, cellText(name, row)));
      line.classList.toggle("wb-selected", row.name === present);
      attr(line, "aria-current", row.name === present ? "true" : null);
      const about = row.why || (row.n ? `${row.hint} Measured on ${row.n} samples.` : row.hint);
      line.title = row.refused ? `${about}\n${row.refused}. ${OF_TARGET}` : about;
      refuse(line.children[0].firstChild, row.refused);
      line.children[0].firstChild.setAttribute("aria-label", row.name === present ? `${row.title}, the present choice` : `choose ${row.title}`);
      line.classList.toggle("wb-refused", Boolean(row.why || row.refused));
      return line;
    });
    if (order.length !== body.children.length || order.some((line, i) => body.children[i] !== line)) {
      const focused = body.contains(document.activeElement) ? document.activeElement : null;
      body.replaceChildren(...order);
      focused?.focus({ preventScroll: true });
    }
  }
  const cells = () => [COLUMNS.map(([, title]) => title), ...shown.map((row) => COLUMNS.map(([c]) => cellText(c, row)))];
  return { element, show(newRows, now) { rows = newRows; present = now; paint(); }, markdown: () => markdownOf(cells(), COLUMNS.map(([, , , right]) => right)), csv: () => csvOf(cells()) };
}
