// The list of all formats behind "more", and the comparison of all formats on this tensor.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-formats-room", "all formats");
  let app = null;
  const anchor = () => app?.querySelector(".wb-more") || root;
  const scope = () => {
    const chosen = app?.querySelector(".wb-scope")?.value || "tensor";
    return { scope: chosen.replace("=", ""), same_kind: chosen.endsWith("=") };
  };
  const rowsOf = () => {
    const [{ formats }, { rows }] = [model.get("catalogue"), model.get("view")];
    return Object.entries(formats).map(([name, f], order) => ({ name, order, why: "", ...f, ...(rows[name] || {}), known: name in rows }));
  };
  const figure = (row) => (row.why ? "–" : row.sqnr_db === undefined ? "…" : row.name === "fp32" ? "exact" : decibels(row.sqnr_db));

  // the menu
  const search = h("input", { class: "wb-input", type: "text", placeholder: "Search, or fp8, 4 bit, log …", "aria-label": "search formats" });
  const list = h("div", { class: "wb-menu-list" });
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
  const choose = (name) => { menu.hide(true); model.send({ kind: "adopt", format: name, ...scope() }); };

  function line(row) {
    const dB = h("span", { class: "wb-menu-figure" });
    const button = h("button", { class: "wb-menu-line", type: "button", role: "menuitemradio", data: { format: row.name }, onclick: () => choose(row.name) },
      h("span", { class: "wb-menu-title", text: row.title }), h("span", { class: "wb-menu-bits", text: /\d bit$/.test(row.title) ? "" : `${+row.bits.toFixed(2)} bit` }), dB);
    shown.set(row.name, { button, dB, unit: " dB" });
    return button;
  }

  function chips(series, byName) {
    return h("div", { class: "wb-series" }, h("span", { class: "wb-series-title", text: series.title }), h("div", { class: "wb-chips" }, ...series.members.map(({ name, width }) => {
      const dB = h("span");
      const button = h("button", { class: "wb-width", type: "button", role: "menuitemradio", "aria-label": byName.get(name).title, data: { format: name }, onclick: () => choose(name) }, h("b", { text: String(width) }), dB);
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
      const tools = presets.map((p) => h("button", { class: "wb-preset", type: "button", text: p.title, title: `${p.sentence}.\n${p.source}`, data: { preset: p.name },
        onclick: () => { menu.hide(true); model.send({ kind: "preset", preset: p.name, ...scope() }); } }));
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
      part.button.title = row.why || `${row.title}: ${+row.bits.toFixed(2)} bits a value, ${isNumber ? `${text} dB` : text} on this tensor. ${row.hint}`;
      part.button.classList.toggle("wb-refused", Boolean(row.why));
    }
  }
  search.addEventListener("input", fill);
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") list.querySelector("button")?.click(); });

  // the comparison
  const table = comparisonTable((name) => { show(false); model.send({ kind: "adopt", format: name }); });
  const about = h("span", { class: "wb-muted" });
  const copy = h("button", { class: "wb-button", type: "button", text: "Copy as Markdown", title: "the table as it is sorted now" });
  const close = h("button", { class: "wb-button", type: "button", text: "Close" });
  const dialog = h("div", { class: "wb-comparison-dialog", role: "dialog", "aria-label": "Comparison of all formats", "aria-modal": "true", hidden: true },
    h("div", { class: "wb-comparison-head" }, h("h3", { class: "wb-dialog-title", text: "All formats on this tensor" }), about, copy, close),
    h("div", { class: "wb-comparison-body" }, table.element));
  const veil = h("div", { class: "wb-veil", hidden: true });
  root.append(veil, dialog);
  let before = null;

  function show(open) {
    if (dialog.hidden !== open) return;
    dialog.hidden = veil.hidden = !open;
    model.send({ kind: "look", what: "comparison", open });
    if (open) { before = document.activeElement; put(copy, "Copy as Markdown"); fit(); compare(); close.focus({ preventScroll: true }); } else before?.focus?.({ preventScroll: true });
  }
  function fit() { // into what is in sight: a window may be lower than the app
    const [a, seen] = [app.getBoundingClientRect(), visiblePart(app)];
    if (seen.bottom - seen.top < 240) return;
    dialog.style.top = `${seen.top - a.top + 10}px`;
    dialog.style.height = `${seen.bottom - seen.top - 22}px`;
  }
  function compare() {
    const v = model.get("view");
    const rows = rowsOf();
    const known = rows.filter((row) => row.known).length;
    put(about, `${v.tensor} · ${v.done ? `${rows.length} formats` : `${known} of ${rows.length} formats…`} · a click adopts`);
    about.title = v.tensor;
    table.show(rows, v.format);
  }
  copy.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(table.markdown()); put(copy, "Copied"); } catch { put(copy, "No access to the clipboard"); }
  });
  close.addEventListener("click", () => show(false));
  veil.addEventListener("pointerdown", () => show(false));
  dialog.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") show(false);
    const rows = [...dialog.querySelectorAll(".wb-adopt")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const at = rows.indexOf(document.activeElement);
      rows[Math.max(0, Math.min(rows.length - 1, at + step))]?.focus();
    }
    if (event.key === "Tab") {
      const all = [copy, close, ...dialog.querySelectorAll(".wb-sort"), ...rows];
      const [first, last] = [all[0], all[all.length - 1]];
      if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
      else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
    }
  });

  const toggle = () => (menu.isOpen() ? menu.hide(true) : menu.show());
  const openComparison = () => show(true);
  const attach = () => {
    app = appOf(root);
    if (!app) { if (!signal?.aborted) requestAnimationFrame(attach); return; }
    app.addEventListener("workbench-formats", toggle);
    app.addEventListener("workbench-compare", openComparison);
  };
  attach();
  signal?.addEventListener("abort", () => {
    app?.removeEventListener("workbench-formats", toggle);
    app?.removeEventListener("workbench-compare", openComparison);
    menu.hide(false);
  });
  listen(model, "change:view", () => { if (menu.isOpen()) figures(); if (!dialog.hidden) compare(); }, signal);
  listen(model, "change:catalogue", () => { if (menu.isOpen()) fill(); if (!dialog.hidden) compare(); }, signal);
  sayHello(model, signal);
}

export default { render };
