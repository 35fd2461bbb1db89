// The list of all formats behind "more", and the comparison of all formats on this tensor.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-formats-room", "all formats");
  const anchor = () => appOf(root)?.querySelector(".wb-more") || root;
  const scope = () => {
    const chosen = appOf(root)?.querySelector(".wb-scope")?.value || "tensor";
    return { scope: chosen.replace("=", ""), same_kind: chosen.endsWith("=") };
  };
  const rowsOf = () => {
    const [{ formats }, { rows, refused, format }] = [model.get("catalogue"), model.get("view")];
    const off = (name) => (name === format ? "" : refused[name] || "");
    return Object.entries(formats).map(([name, f], order) => ({ name, order, why: "", ...f, ...(rows[name] || {}), known: name in rows, refused: off(name) }));
  };
  const figure = (row) => (row.why ? "–" : row.sqnr_db === undefined ? "…" : row.name === "fp32" ? "exact" : decibels(row.sqnr_db));

  // the menu
  const search = h("input", { class: "wb-input", type: "text", placeholder: "Search, or fp8, 4 bit, log …", "aria-label": "search formats" });
  const list = h("div", { class: "wb-menu-list", role: "radiogroup", "aria-label": "formats" });
  const shown = new Map();
  const menu = popupOf(anchor, "wb-format-menu", "all formats", {
    width: 490,
    opened: (box) => {
      box.replaceChildren(search, list);
      search.value = "";
      model.send({ kind: "look", what: "formats", open: true });
      fill();
    },
    closed: () => model.send({ kind: "look", what: "formats", open: false }),
  });
  const choose = (name, button) => { if (isRefused(button)) return; menu.hide(true); model.send({ kind: "adopt", format: name, ...scope() }); };

  function line(row) {
    const dB = h("span", { class: "wb-menu-figure" });
    const button = h("button", { class: "wb-menu-line", type: "button", role: "radio", data: { format: row.name }, onclick: () => choose(row.name, button) },
      h("span", { class: "wb-menu-title", text: row.title }), h("span", { class: "wb-menu-bits", text: /\d bit$/.test(row.title) ? "" : `${+row.bits.toFixed(2)} bit` }), dB);
    shown.set(row.name, { button, dB, unit: " dB" });
    return button;
  }

  function chips(series, byName) {
    return h("div", { class: "wb-series" }, h("span", { class: "wb-series-title", text: series.title }), h("div", { class: "wb-chips" }, ...series.members.map(({ name, width }) => {
      const dB = h("span");
      const button = h("button", { class: "wb-width", type: "button", role: "radio", "aria-label": byName.get(name).title, data: { format: name }, onclick: () => choose(name, button) }, h("b", { text: String(width) }), dB);
      shown.set(name, { button, dB, unit: "" });
      return button;
    })));
  }

  function fill() {
    shown.clear();
    const rows = rowsOf();
    const byName = new Map(rows.map((row) => [row.name, row]));
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) {
      const width = /(\d+)[ -]?bits?\b/.exec(search.value.toLowerCase());
      if (width) words.splice(0, Infinity, ...search.value.toLowerCase().replace(width[0], " ").split(/\s+/).filter(Boolean));
      const text = (row) => `${row.title} ${row.name} ${row.family} ${row.bits} bit`.toLowerCase();
      const found = rows.filter((row) => (!width || Math.floor(row.bits) === +width[1]) && words.every((word) => text(row).includes(word)));
      list.replaceChildren(h("div", { class: "wb-menu-columns" }, ...found.map(line)));
      if (!found.length) list.append(h("p", { class: "wb-muted", text: "No format is called so. wb.FORMATS.register(wb.format_from_levels(name, levels)) adds one of your own." }));
    } else {
      const { groups, presets } = model.get("catalogue");
      const parts = groups.flatMap((group) => [
        h("h4", { class: "wb-menu-heading", text: group.series.length ? `${group.title}, by bits` : group.title }),
        ...group.series.map((series) => chips(series, byName)),
        h("div", { class: "wb-menu-columns" }, ...group.rows.map((name) => line(byName.get(name)))),
      ]);
      const tools = presets.map((p) => {
        const why = model.get("view").presets_refused[p.name];
        const tool = h("button", { class: "wb-preset", type: "button", text: p.title, title: [`${p.sentence}.`, p.source, why && `${why}. ${OF_TARGET}`].filter(Boolean).join("\n"), data: { preset: p.name },
          onclick: () => { if (isRefused(tool)) return; menu.hide(true); model.send({ kind: "preset", preset: p.name, ...scope() }); } });
        refuse(tool, why);
        return tool;
      });
      list.replaceChildren(...parts, h("h4", { class: "wb-menu-heading", text: "as another tool does it: format, rounding, overflow" }), h("div", { class: "wb-presets" }, ...tools));
    }
    figures();
  }

  function figures() {
    const present = model.get("view").format;
    for (const row of rowsOf()) {
      const part = shown.get(row.name);
      if (!part) continue;
      const text = figure(row);
      const isNumber = /\d/.test(text);
      put(part.dB, part.unit ? (isNumber ? text + part.unit : text) : isNumber ? String(Math.round(number(row.sqnr_db))).replace("-", MINUS) : text === "overflow" ? "∞" : text);
      attr(part.button, "aria-checked", row.name === present ? "true" : "false");
      const about = row.why || `${row.title}: ${+row.bits.toFixed(2)} bits a value, ${isNumber ? `${text} dB` : text} on this tensor. ${row.hint}`;
      part.button.title = row.refused ? `${about}\n${row.refused}. ${OF_TARGET}` : about;
      refuse(part.button, row.refused);
      part.button.classList.toggle("wb-refused", Boolean(row.why));
    }
  }
  search.addEventListener("input", fill);
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") list.querySelector("button:not([aria-disabled=true])")?.click(); });

  // the comparison
  const table = comparisonTable((name) => { show(false); model.send({ kind: "adopt", format: name }); });
  const about = h("span", { class: "wb-muted" });
  const copy = copyButton("Copy as Markdown", "the table as it is sorted now", () => table.markdown());
  const copyCsv = copyButton("Copy as CSV", "the table as it is sorted now", () => table.csv());
  const close = h("button", { class: "wb-button", type: "button", text: "Close" });
  const { element: dialog, show, isOpen } = dialogOf(root, "wb-comparison-dialog", "Comparison of all formats", [
    h("div", { class: "wb-comparison-head" }, h("h3", { class: "wb-dialog-title", text: "All formats on this tensor" }), about, copy, copyCsv, close),
    h("div", { class: "wb-comparison-body" }, table.element)], {
    event: "workbench-compare", signal, first: () => close,
    opened(over) { model.send({ kind: "look", what: "comparison", open: true }); fitDialog(dialog, over); compare(); },
    closed: () => model.send({ kind: "look", what: "comparison", open: false }),
  });
  function compare() {
    const v = model.get("view");
    const rows = rowsOf();
    const known = rows.filter((row) => row.known).length;
    put(about, `${v.tensor} · ${v.done ? `${rows.length} formats` : `${known} of ${rows.length} formats…`} · a click adopts`);
    about.title = v.tensor;
    table.show(rows, v.format);
  }
  close.addEventListener("click", () => show(false));
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const rows = [...dialog.querySelectorAll(".wb-adopt")];
    rows[Math.max(0, Math.min(rows.length - 1, rows.indexOf(document.activeElement) + step))]?.focus();
  });

  hearApp(root, signal, "workbench-formats", () => (menu.isOpen() ? menu.hide(true) : menu.show()));
  signal?.addEventListener("abort", () => menu.hide(false));
  let reasons = ""; // of presets, which are drawn once
  listen(model, "change:view", () => {
    const now = JSON.stringify(model.get("view").presets_refused);
    if (menu.isOpen()) { if (now === reasons) figures(); else fill(); }
    reasons = now;
    if (isOpen()) compare();
  }, signal);
  listen(model, "change:catalogue", () => { if (menu.isOpen()) fill(); if (isOpen()) compare(); }, signal);
  sayHello(model, signal);
}

export default { render };
