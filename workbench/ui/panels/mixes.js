// Mixed precision, over the page of sensitivity: what is asked in one line; the picture, the chosen mix, the table.

const BY = [["size", "within", "the best output SQNR within a size of all constants"], ["sqnr", "at least", "the smallest mix whose output has so much SQNR"]];

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page wb-mix", "mix formats");
  const view = () => model.get("view");
  const set = (what) => model.send({ kind: "set", ...what });
  let chosen = ""; // key of a mix; the page's own
  let shownBest = "";
  const say = (key) => { chosen = key; paint(); table.reveal(key); };

  // what is asked
  const back = h("button", { class: "wb-quiet-button wb-mix-back", type: "button", text: "‹ Sensitivity", title: "back to the lists; key Escape", onclick: () => open(false, true) });
  const what = h("button", { class: "wb-quiet-button wb-mix-formats", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => (menu.isOpen() ? menu.hide() : menu.show()) });
  const by = h("select", { class: "wb-select wb-sens-pick", "aria-label": "what the mix has to keep to", title: BY.map(([, text, why]) => `${text}: ${why}`).join("; "), onchange: (event) => set({ by: event.target.value }) },
    ...BY.map(([value, text]) => h("option", { value, text })));
  const amount = h("input", { class: "wb-mix-amount", type: "number", min: "0", step: "any", onchange: () => { if (amount.value !== "") set({ [view().by === "size" ? "kb" : "db"]: Number(amount.value) }); } });
  const unit = h("span", { class: "wb-mix-unit" });
  const find = h("button", { class: "wb-quiet-button wb-mix-find", type: "button", onclick: () => (view().running ? model.send({ kind: "cancel" }) : ask()) });
  const line = h("div", { class: "wb-sens-controls" }, back, what, by, amount, unit, find);
  const bar = h("div", { class: "wb-mix-bar", role: "progressbar", "aria-label": "search for mixes" }, h("i"));
  amount.addEventListener("keydown", (event) => { if (event.key === "Enter") { amount.dispatchEvent(new Event("change")); ask(); } });
  function ask() {
    if (!view().missing && view().chosen.length && !view().running) model.send({ kind: "find" });
  }

  // what was found
  const chart = mixesChart(say);
  const words = h("span", { class: "wb-mix-words" });
  chart.element.append(words);
  const table = mixesTable(say);
  const [said, about] = [h("span", { role: "status" }), h("span", { class: "wb-mix-about" })];
  const sentence = h("p", { class: "wb-mix-sentence" }, said, " ", about);
  const use = h("button", { class: "wb-quiet-button wb-mix-use", type: "button", text: "Use this mix", title: "gives the weights of the recipe these formats, as one step that can be undone; activations stay", onclick: () => { if (!isRefused(use)) model.send({ kind: "use", mix: chosen }); } });
  const cells = () => table.cells(view().mixes);
  const copies = [["Markdown", "the table as Markdown", () => markdownOf(cells(), MIX_COLUMNS.map(([, right]) => right))], ["CSV", "the table as CSV", () => csvOf(cells())]].map(([label, title, text]) => {
    const button = copyButton(label, title, text);
    button.className = "wb-quiet-button wb-mix-copy";
    return button;
  });
  const note = h("p", { class: "wb-mix-note", role: "status" });
  const facts = h("div", { class: "wb-mix-facts" }, sentence, h("div", { class: "wb-mix-actions" }, use, ...copies), note, table.element);
  const body = h("div", { class: "wb-mix-body" }, chart.element, facts);
  const none = h("p", { class: "wb-empty wb-mix-none" });
  root.append(line, bar, body, none);

  const hint = h("p", { class: "wb-muted" });
  const chips = h("div", { class: "wb-sens-formats" });
  const menu = popupOf(() => what, "wb-sens-menu", "formats to mix", {
    width: 430,
    opened(box) { box.replaceChildren(hint, chips); paintMenu(); },
    closed() {},
  });
  function toggle(name) {
    const next = toggled(view().chosen, name);
    if (next.length <= view().most) set({ formats: next });
  }
  function paintMenu() {
    if (!menu.isOpen()) return;
    put(hint, `Each weight gets one of these; at most ${view().most}. Every weight is run alone in each of them.`);
    const key = JSON.stringify(view().formats);
    if (chips.dataset.key !== key) {
      chips.dataset.key = key;
      chips.replaceChildren(...formatChips(view().formats, toggle));
      menu.place();
    }
    checkChips(chips, new Set(view().chosen));
  }

  function paintAsked(v) {
    const titles = v.chosen.map((name) => v.formats.find((f) => f[0] === name)?.[1] ?? name);
    put(what, `${titles.length === 0 ? "formats" : titles.length <= 3 ? titles.join(", ") : `${titles.length} formats`} ▾`);
    what.title = `formats that weights may have: ${titles.join(", ") || "none yet"}`;
    by.value = v.by;
    const size = v.by === "size";
    if (document.activeElement !== amount || amount.dataset.by !== v.by) amount.value = String(size ? v.kb : v.db);
    amount.dataset.by = v.by;
    attr(amount, "aria-label", size ? "size of all constants, kB" : "output SQNR, dB");
    amount.title = size ? "size of all weights, scales, biases and other constants, in 1000 bytes" : "SQNR of the network's output, dB";
    put(unit, size ? `kB, now ${mixKilobytes(v.present_kb)}` : "dB");
    unit.title = size ? "size of all constants under the present recipe, kB" : "";
    put(find, v.running ? "Cancel" : "Find mixes");
    find.title = v.running ? "end here; what was run stays" : "runs every weight alone in each format, then the most promising mixes; what was run before is not run again";
    find.disabled = Boolean(v.missing) || (!v.running && !v.chosen.length);
    put(words, v.running ? v.words : "");
    words.title = words.textContent;
    bar.style.visibility = v.running ? "visible" : "hidden";
    attr(bar, "aria-valuenow", v.share === null ? null : Math.round(100 * v.share));
    attr(bar, "aria-valuetext", v.words || null);
    bar.firstChild.style.width = `${100 * (v.share ?? 0)}%`;
  }

  function paintFound(v) {
    const ended = v.best && v.best !== shownBest; // a search came to its end
    if (ended) chosen = v.best;
    shownBest = v.best;
    const row = v.mixes.find((each) => each.key === chosen);
    const empty = !v.mixes.length;
    body.hidden = empty;
    none.hidden = !empty;
    put(none, v.missing || v.refused || (v.running ? `Every weight is run alone in each format; mixes come after that. ${v.words[0].toUpperCase()}${v.words.slice(1)}.` : v.chosen.length ? "Spend bytes where they count: some weights need few bits, others more. The search runs every weight alone in each format, then the most promising mixes; figures are of the network's output." : "Choose formats that weights may have."));
    if (empty) return;
    put(said, `${row ? mixSentence(row) : "Choose a dot"}.`);
    refuse(use, !row ? "choose a mix first" : row.present ? "the weights of the recipe have it" : "");
    put(use, row?.present ? "In use" : "Use this mix");
    put(about, v.about.split("\n")[0]);
    sentence.title = `${said.textContent} ${v.about}`;
    put(note, v.refused || v.stale);
    note.title = note.textContent;
    note.hidden = !note.textContent;
    body.classList.toggle("wb-mix-stale", Boolean(v.stale));
    table.show(v.mixes, chosen);
    if (ended) table.reveal(chosen);
    chart.draw(v, chosen);
  }

  const paint = () => {
    const v = view();
    root.classList.toggle("wb-mix-open", v.open);
    if (!v.open) return;
    paintAsked(v);
    paintFound(v);
    paintMenu();
  };
  function open(wanted, refocus) {
    root.classList.toggle("wb-mix-open", wanted);
    model.send({ kind: "open", open: wanted });
    if (wanted) requestAnimationFrame(() => find.focus({ preventScroll: true }));
    else if (refocus) requestAnimationFrame(() => appOf(root)?.querySelector(".wb-sens-mix")?.focus({ preventScroll: true }));
  }
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    event.stopPropagation();
    open(false, true);
  });
  hearApp(root, signal, "workbench-mix", () => open(true));
  listen(model, "change:view", paint, signal);
  const size = new ResizeObserver(() => { if (view().open) chart.draw(view(), chosen); });
  size.observe(chart.element);
  signal?.addEventListener("abort", () => { size.disconnect(); menu.hide(); });
  paint();
  sayHello(model, signal);
}

export default { render };
