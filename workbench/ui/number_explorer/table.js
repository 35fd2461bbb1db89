// One row a format: bits, class, what the number becomes, how far off that is, and the neighbours.

const COLUMNS = [
  ["format", "format", "a click or the arrow keys choose the format that is shown in detail"],
  ["bits", "bits", "the code, field by field; point at a field for its number"],
  ["number_class", "class", "what kind of code it is; saturated: the number lies beyond the end of the range"],
  ["decoded", "becomes", "the number that the code stands for"],
  ["relative_error", "error", "distance to the float32, as a share of it"],
  ["below", "below", "the last level under the number"],
  ["above", "above", "the first level over the number"],
];

function newRow(name) {
  const cells = Object.fromEntries(COLUMNS.slice(1).map(([key]) => [key, h("td", { class: `wb-cell-${key}`, data: { metric: `${name}.${key}` } })]));
  const button = h("button", { type: "button", class: "wb-format-name", data: { format: name } });
  return { button, cells, element: h("tr", { data: { row: name } }, h("th", { scope: "row" }, button), ...Object.values(cells)) };
}

function paintRow(row, data, chosen) {
  put(row.button, data.title);
  attr(row.button, "title", data.name);
  attr(row.button, "aria-pressed", String(chosen));
  attr(row.button, "tabindex", chosen ? "0" : "-1");
  row.element.classList.toggle("wb-chosen", chosen);
  attr(row.element, "data-family", data.family);
  const { cells } = row;
  putFields(cells.bits, data.fields);
  if (!data.fields.length) put(cells.bits, "no code");
  const decoded = read(data.decoded);
  const lost = data.number_class === "zero" && read(data.error) > 0;
  putNumber(cells.number_class, lost ? "lost: 0" : data.number_class, data.number_class);
  attr(cells.number_class, "data-class", lost ? "lost" : data.number_class);
  const digits = data.name === "fp32" ? 9 : 7; // that many tell neighbours apart
  putNumber(cells.decoded, shown(decoded, digits), data.decoded);
  attr(cells.decoded, "title", shown(decoded, 17));
  putNumber(cells.relative_error, shownShare(read(data.relative_error)), data.relative_error);
  attr(cells.relative_error, "title", data.error === null ? "no number to compare" : `off by ${shown(read(data.error), 6)}`);
  for (const side of ["below", "above"]) {
    putNumber(cells[side], shown(read(data[side]), digits), data[side]);
    attr(cells[side], "title", data[side] === null ? "nothing: the format ends here" : shown(read(data[side]), 17));
  }
}

// onChoose(name). Returns {element, paint(rows, chosen)}.
function table(onChoose, signal) {
  const head = h("tr", {}, ...COLUMNS.map(([key, title, words]) => h("th", { scope: "col", class: `wb-cell-${key}`, text: title, title: words })));
  const body = h("tbody");
  const element = h("table", { class: "wb-table", "aria-label": "the number in every format" }, h("thead", {}, head), body);
  const rows = new Map();
  body.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && !String(getSelection())) onChoose(row.dataset.row);
  }, { signal });
  body.addEventListener("keydown", (event) => {
    const names = [...body.children].map((row) => row.dataset.row);
    const at = names.indexOf(event.target.closest("[data-row]").dataset.row);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: names.length - 1 }[event.key];
    if (to === undefined || !names[to] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    onChoose(names[to]);
    rows.get(names[to]).button.focus();
  }, { signal });

  const paint = (data, chosen) => {
    const names = data.map((row) => row.name).join();
    for (const each of data) if (!rows.has(each.name)) rows.set(each.name, newRow(each.name));
    if (element.dataset.names !== names) {
      const focused = body.contains(document.activeElement) ? document.activeElement : null;
      element.dataset.names = names;
      body.replaceChildren(...data.map((row) => rows.get(row.name).element));
      data.forEach((row, i) => rows.get(row.name).element.classList.toggle("wb-first", i > 0 && data[i - 1].family !== row.family));
      if (focused?.isConnected) focused.focus();
      const own = rows.get(chosen)?.element;
      const frame = element.parentElement;
      if (own?.isConnected && frame) frame.scrollTop = own.offsetTop - frame.clientHeight / 2;
    }
    for (const each of data) paintRow(rows.get(each.name), each, each.name === chosen);
  };
  return { element, paint, choose: (name) => rows.forEach((row, each) => {
    row.element.classList.toggle("wb-chosen", each === name);
    attr(row.button, "aria-pressed", String(each === name));
    attr(row.button, "tabindex", each === name ? "0" : "-1");
  }) };
}
