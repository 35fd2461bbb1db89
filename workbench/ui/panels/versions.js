// Kept recipes side by side; a click on one shows what differs between it and the present choices.

const VERSION_COLUMNS = [
  ["name", "version", false], ["sqnr_db", "output SQNR dB", true], ["agreement", "same answer %", true], ["accuracy", "accuracy %", true],
  ["kb", "weights kB", true], ["tensors", "tensors that differ", true],
];

function versionCell(column, row) {
  if (column === "name") return row.name;
  if (column === "tensors") return row.tensors.toLocaleString("en-US");
  if (column === "kb") return row.kb.toLocaleString("en-US", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  if (row[column] === undefined || row[column] === null) return row.waits ? "…" : "–";
  return column === "sqnr_db" ? decibels(row.sqnr_db) : percent(row[column], 2);
}

function versionsTable(columns, choose) {
  const body = h("tbody");
  const head = h("tr", {}, ...columns.map(([, title, right]) => h("th", { scope: "col", class: right ? "wb-right" : "", text: title })), choose ? h("th", { "aria-label": "what to do with it" }) : null);
  return { body, element: h("table", { class: "wb-comparison" }, h("thead", {}, head), body) };
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-versions", "versions of the choices");
  const name = h("input", { class: "wb-input wb-version-name", type: "text", placeholder: "name, if you like", "aria-label": "name of the snapshot", spellcheck: "false", maxlength: "80" });
  const keep = h("button", { class: "wb-button wb-primary", type: "button", text: "Keep a snapshot", title: "keeps the present choices under this name, in the saved file" });
  const code = copyButton("Copy as code", "a Python script that makes all changes since the beginning again", () => model.get("view").code);
  const close = h("button", { class: "wb-button", type: "button", text: "Close" });
  const versions = versionsTable(VERSION_COLUMNS, true);
  const differences = versionsTable([["", "tensor"], ["", "what"], ["", "then"], ["", "now"]], false);
  const about = h("span", { class: "wb-muted" });
  const cells = () => [["tensor", "what", "then", "now"], ...(model.get("view").differences || []).map((d) => [d.tensor, d.field, d.before, d.after])];
  const versionCells = () => [VERSION_COLUMNS.map(([, title]) => title), ...(model.get("view").rows || []).map((row) => VERSION_COLUMNS.map(([column]) => versionCell(column, row)))];
  const markdown = copyButton("Copy as Markdown", "both tables", () => `${markdownOf(versionCells(), VERSION_COLUMNS.map(([, , right]) => right))}\n\n${markdownOf(cells(), [false, false, false, false])}`);
  const csv = copyButton("Copy as CSV", "both tables", () => `${csvOf(versionCells())}\n\n${csvOf(cells())}`);
  const { element, show, isOpen } = dialogOf(root, "wb-comparison-dialog wb-versions-dialog", "Versions", [
    h("div", { class: "wb-comparison-head" }, h("h3", { class: "wb-dialog-title", text: "Versions" }), name, keep, h("span", { class: "wb-muted" }), code, markdown, csv, close),
    h("div", { class: "wb-comparison-body" }, versions.element, h("div", { class: "wb-room-head wb-differences-head" }, h("h3", { class: "wb-heading", text: "What differs" }), about), differences.element)], {
    event: "workbench-versions", signal, first: () => name,
    opened(app) { fitDialog(element, app); model.send({ kind: "open", open: true }); },
    closed: () => model.send({ kind: "open", open: false }),
  });
  close.addEventListener("click", () => show(false));
  const keepNow = () => { model.send({ kind: "keep", name: name.value }); name.value = ""; };
  keep.addEventListener("click", keepNow);
  name.addEventListener("keydown", (event) => { if (event.key === "Enter") keepNow(); });

  function line(row, against) {
    const choose = h("button", { class: "wb-adopt", type: "button", text: row.name, title: "what differs between it and the present choices", data: { focus: `of ${row.name}` }, onclick: () => model.send({ kind: "against", name: row.name }) });
    const cellsOf = VERSION_COLUMNS.map(([column, , right]) => h("td", { class: right ? "wb-right" : "" }, column === "name" ? choose : versionCell(column, row)));
    const restore = row.tensors ? h("button", { class: "wb-link", type: "button", text: "Restore", title: "make it the present choices; can be undone", "aria-label": `restore ${row.name}`, data: { focus: `restore ${row.name}` }, onclick: () => model.send({ kind: "restore", name: row.name }) }) : null;
    const forget = row.kept ? h("button", { class: "wb-link", type: "button", text: "Forget", title: "drop this snapshot", "aria-label": `forget ${row.name}`, data: { focus: `forget ${row.name}` }, onclick: () => model.send({ kind: "forget", name: row.name }) }) : null;
    const made = h("tr", { data: { version: row.name } }, ...cellsOf, h("td", { class: "wb-right wb-version-verbs" }, restore, forget));
    made.classList.toggle("wb-selected", row.name === against);
    return made;
  }
  const paint = () => {
    const v = model.get("view");
    const isThere = Boolean(v.open && isOpen());
    for (const button of [code, markdown, csv]) attr(button, "disabled", !isThere); // an answer of the kernel is what is copied
    if (!isThere) { // the next opening begins without what was true at the last one
      versions.body.replaceChildren();
      differences.body.replaceChildren();
      return;
    }
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
    versions.body.replaceChildren(...v.rows.map((row) => line(row, v.against)));
    if (focused) ([...element.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === focused) || close).focus({ preventScroll: true });
    const many = v.n_differences > v.differences.length ? `, the first ${v.differences.length.toLocaleString("en-US")} shown` : "";
    put(about, v.n_differences ? `from ${v.against} (then) to the present choices (now): ${v.n_tensors.toLocaleString("en-US")} tensors, ${v.n_differences.toLocaleString("en-US")} fields${many}` : v.rows.length > 1 ? `nothing: ${v.against} is what is chosen now` : "nothing was changed or kept so far");
    differences.body.replaceChildren(...v.differences.map((d) => h("tr", {}, ...[d.tensor, d.field, d.before, d.after].map((text) => h("td", { text })))));
    differences.element.hidden = !v.differences.length;
  };
  listen(model, "change:view", paint, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
