// What is chosen for this tensor: format with its error always in sight, scale, threshold, rounding, pruning, and how far it reaches.

function field(parent, label, meaning, shape, ...controls) {
  const place = h("div", { class: `wb-field-controls ${shape}` }, ...controls);
  const box = h("div", { class: "wb-field", title: meaning }, h("span", { class: "wb-field-name", text: label }), place);
  parent.append(box);
  return box;
}

const selectNamed = (label) => h("select", { class: "wb-select", "aria-label": label });

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-choice", "choice");
  const scope = h("select", { class: "wb-select wb-scope", "aria-label": "apply to" });
  root.append(h("div", { class: "wb-room-head" }, h("h3", { class: "wb-heading", text: "Choice" }),
    h("label", { class: "wb-apply" }, h("span", { class: "wb-muted", text: "apply format to" }), scope)));
  const group = h("div", { class: "wb-formats", role: "radiogroup", "aria-label": "number format" });
  root.append(group);
  const [scheme, grouping, rounding, overflow, sparsity] = ["scheme", "which values share one scale", "rounding", "overflow", "set to zero"].map(selectNamed);
  const methodTitle = h("span", { class: "wb-menu-title" });
  const methodFigure = h("span", { class: "wb-menu-figure" });
  const method = h("button", { class: "wb-select wb-menu-button", type: "button", "aria-haspopup": "dialog", "aria-label": "threshold method" }, methodTitle, methodFigure);
  const compare = h("button", { class: "wb-button wb-compare", type: "button", title: "all formats on this tensor: bits, error, divergence, range; one click adopts" });
  const compareWords = h("span", { text: "Compare…" });
  compare.append(compareWords);
  field(root, "Scale", "symmetric: zero point 0, one mirrored threshold; affine: lower and upper threshold apart. Then which values share one scale", "", scheme, grouping);
  field(root, "Threshold", "how the range was chosen; dragging a handle makes it by hand", "", method);
  field(root, "Rounding", "what becomes of values between two levels, and of values beyond the end levels", "wb-uneven", rounding, overflow);
  const own = h("input", { class: "wb-input wb-own-note", type: "text", maxlength: "300", placeholder: "note…", "aria-label": "note on this tensor", spellcheck: "false" });
  const zeros = field(root, "Set to 0", "magnitude pruning: this share of the weights, the smallest, becomes 0 before anything is quantized", "wb-zeros", sparsity, own, compare);
  const coded = h("b", { class: "wb-number-value", data: { metric: "coded_bits" } });
  const plainBits = h("span");
  const size = h("p", { class: "wb-muted wb-choice-note", title: "entropy-coded: frequent codes are written shorter; no coder needs fewer bits on average (Shannon)" }, plainBits, coded, h("span", { text: " entropy-coded" }));
  const note = h("p", { class: "wb-muted wb-choice-note" });
  root.append(size, note);
  scope.addEventListener("keydown", (event) => event.stopPropagation());

  // A note is kept by Enter and by leaving the field, for the tensor that it was begun on.
  let [begun, saved] = ["", ""];
  const keep = () => {
    const text = own.value.trim();
    if (!begun || text === saved) return;
    saved = text;
    model.send({ kind: "note", tensor: begun, text });
  };
  const paintNote = (v) => {
    if (begun !== v.tensor) keep(); // another tensor was selected while this one's note was being written
    else if (document.activeElement === own && own.value !== saved) return;
    [begun, saved] = [v.tensor, v.own_note];
    if (own.value !== saved) own.value = saved;
    own.title = `${saved || "your own words about this tensor, saved with the choices"}\nEnter keeps them, Escape gives them up`;
  };
  own.addEventListener("blur", keep);
  own.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") keep();
    if (event.key === "Escape") own.value = saved;
  });

  const ask = (format) => {
    const chosen = scope.value || "tensor";
    model.send({ kind: "format", format, scope: chosen.replace("=", ""), same_kind: chosen.endsWith("=") });
  };
  const figures = (f) => (f.name === "fp32" ? "exact" : f.why ? "no range" : f.sqnr_db === null ? (f.unknown ? "–" : "…") : Number.isFinite(number(f.sqnr_db)) ? `${decibels(f.sqnr_db)} dB` : decibels(f.sqnr_db));

  const segments = new Map();
  const [moreTitle, moreFigure, moreBits] = [h("b", { text: "more…" }), h("span"), h("span")];
  const more = h("button", { class: "wb-format wb-more", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", "aria-label": "more formats" }, moreTitle, moreFigure, moreBits);
  const announce = (name) => appOf(root)?.dispatchEvent(new CustomEvent(name));
  more.addEventListener("click", () => announce("workbench-formats"));
  compare.addEventListener("click", () => announce("workbench-compare"));
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...group.querySelectorAll("button:not(:disabled)")];
    const at = buttons.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(at + step + buttons.length) % buttons.length].focus();
  });

  // Threshold methods, each with the threshold that it would give; worked out while the list is open.
  const menu = popupOf(() => method, "wb-methods", "threshold methods", {
    width: 340,
    opened: (box) => { model.send({ kind: "look", open: true }); fillMethods(box); },
    closed: () => model.send({ kind: "look", open: false }),
  });
  method.addEventListener("click", () => (menu.isOpen() ? menu.hide(true) : menu.show()));
  const lines = new Map();
  function fillMethods(box) {
    const v = model.get("view").method;
    const key = JSON.stringify(v.groups.map((g) => [g.title, g.options.map((o) => o.value)]));
    if (box.dataset.key !== key) {
      box.dataset.key = key;
      lines.clear();
      box.replaceChildren(...v.groups.flatMap((g) => [h("h4", { class: "wb-menu-heading", text: g.title }), ...g.options.map((o) => {
        const figure = h("span", { class: "wb-menu-figure" });
        const line = h("button", { class: "wb-menu-line", type: "button", role: "radio", data: { method: o.value }, onclick: () => { if (isRefused(line)) return; menu.hide(true); model.send({ kind: "method", value: o.value }); } },
          h("span", { class: "wb-menu-title", text: o.title }), figure);
        lines.set(o.value, { line, figure });
        return line;
      })]));
    }
    for (const o of v.groups.flatMap((g) => g.options)) {
      const { line, figure } = lines.get(o.value);
      put(figure, o.figure || (o.why ? "–" : o.value.startsWith("dynamic") ? "" : "…"));
      line.title = [o.hint, o.why, o.refused && `${o.refused}. ${OF_TARGET}`].filter(Boolean).join("\n");
      refuse(line, o.value === v.value ? "" : o.refused);
      attr(line, "aria-checked", o.value === v.value ? "true" : "false");
    }
  }

  const paint = () => {
    const v = model.get("view");
    root.classList.toggle("wb-off", !v.tensor);
    if (!v.tensor) return;
    paintNote(v);
    if (!segments.size) {
      for (const f of v.segments) {
        const parts = [h("b", { text: f.title }), h("span"), h("span", { text: `${f.bits} bit` })];
        const button = h("button", { class: "wb-format", type: "button", role: "radio", data: { format: f.name }, onclick: () => { if (!isRefused(button)) ask(f.name); } }, ...parts);
        segments.set(f.name, { button, figure: parts[1] });
        group.append(button);
      }
      group.append(more);
    }
    for (const f of v.segments) {
      const { button, figure } = segments.get(f.name);
      const on = v.format === f.name;
      put(figure, figures(f));
      attr(button, "aria-checked", on ? "true" : "false");
      attr(button, "disabled", Boolean(f.why) && !on);
      refuse(button, on ? "" : f.refused);
      button.classList.toggle("wb-misfit", on && Boolean(f.refused));
      const about = f.why || `${f.title}: ${f.bits} bits a value, ${figures(f)} on this tensor`;
      button.title = f.refused ? `${about}\n${f.refused}. ${OF_TARGET}` : about;
    }
    put(moreTitle, v.other ? v.other.short : "more…");
    put(moreFigure, v.other ? figures(v.other) : `+${v.n_more}`);
    put(moreBits, v.other ? `${v.other.bits} bit` : "formats");
    more.title = v.other ? `${v.other.title}: ${v.other.bits} bits a value, ${figures(v.other)} on this tensor. ${v.other.refused ? `${v.other.refused}. ` : ""}Opens the list of all formats` : "all formats, by family, with their error on this tensor";
    more.classList.toggle("wb-on", Boolean(v.other));
    more.classList.toggle("wb-misfit", Boolean(v.other?.refused));
    const kept = scope.value;
    fillSelect(scope, v.scopes, v.scopes.some((s) => s.value === kept) ? kept : "tensor");
    for (const [select, part] of [[scheme, v.scheme], [grouping, v.grouping], [rounding, v.rounding], [overflow, v.overflow], [sparsity, v.sparsity]]) {
      fillSelect(select, part.options, part.value);
      attr(select, "disabled", part.disabled);
      select.title = part.why || part.options.find((o) => o.value === part.value)?.why || "";
    }
    put(methodTitle, v.method.title);
    put(methodFigure, v.method.figure);
    attr(method, "disabled", v.method.disabled);
    zeros.classList.toggle("wb-no-zeros", v.sparsity.hidden);
    put(compareWords, v.sparsity.hidden ? "Compare formats…" : "Compare…");
    size.hidden = !v.coded;
    if (v.coded) {
      put(plainBits, `${v.coded.bits} bit a value, `);
      put(coded, v.coded.coded === null ? "…" : v.coded.coded.toFixed(2));
      attr(coded, "data-value", v.coded.coded === null ? "" : v.coded.coded);
    }
    put(note, v.note);
    note.title = v.note_why;
    note.hidden = !v.note;
    if (menu.isOpen()) { if (v.method.disabled) menu.hide(false); else fillMethods(menu.box); }
  };
  for (const [select, kind] of [[scheme, "scheme"], [grouping, "grouping"], [rounding, "rounding"], [overflow, "overflow"], [sparsity, "sparsity"]]) {
    select.addEventListener("change", () => model.send({ kind, value: select.value }));
  }
  const watched = new ResizeObserver(() => menu.place());
  watched.observe(root);
  signal?.addEventListener("abort", () => { watched.disconnect(); menu.hide(false); });
  listen(model, "change:view", paint, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
