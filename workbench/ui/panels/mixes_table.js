// The same mixes as a table, by size: those of the front, and all that were run.

const MIX_COLUMNS = [["kB", true], ["output SQNR dB", true], ["same answers %", true], ["weights", false], ["front", false]];

const mixCells = (row) => [row.kb.toFixed(1), decibels(row.db), percent(row.agreement), row.words, row.front ? "yes" : ""];

// choose(key): a row was clicked. Returns {element, show(rows, chosen), cells(rows)}.
function mixesTable(choose) {
  const body = h("tbody");
  const heads = [["kB", "all constants"], ["dB", "output SQNR, measured"], ["same %", "samples whose answer is that of the float network"], ["weights", "how many weights have which format"]];
  const element = h("div", { class: "wb-mix-table", role: "region", tabindex: "0", "aria-label": "table of the measured mixes" }, h("table", { "aria-label": "measured mixes, by size" },
    h("thead", {}, h("tr", {}, ...heads.map(([text, title]) => h("th", { scope: "col", text, title })))), body));
  const lines = new Map();

  function lineOf(row) {
    if (!lines.has(row.key)) lines.set(row.key, h("tr", { onclick: () => choose(row.key) }, ...[0, 1, 2, 3].map(() => h("td"))));
    return lines.get(row.key);
  }
  function show(rows, chosen) {
    const order = rows.map((row) => {
      const line = lineOf(row);
      mixCells(row).slice(0, 4).forEach((text, i) => put(line.children[i], text));
      line.title = row.front ? row.words : `${row.words}; another mix is smaller and better`;
      line.classList.toggle("wb-mix-off", !row.front);
      line.classList.toggle("wb-selected", row.key === chosen);
      attr(line, "aria-current", row.key === chosen ? "true" : null);
      return line;
    });
    if (order.length !== body.children.length || order.some((line, i) => body.children[i] !== line)) body.replaceChildren(...order);
  }
  // What lies outside of the table's own window is brought in; the page itself stays.
  function reveal(key) {
    const line = lines.get(key);
    if (!line || !line.isConnected) return;
    const head = element.querySelector("thead").offsetHeight;
    const [top, end] = [line.offsetTop - head, line.offsetTop + line.offsetHeight];
    if (top < element.scrollTop) element.scrollTop = top;
    else if (end > element.scrollTop + element.clientHeight) element.scrollTop = end - element.clientHeight;
  }
  const cells = (rows) => [MIX_COLUMNS.map(([title]) => title), ...rows.map(mixCells)];
  return { element, show, reveal, cells };
}
