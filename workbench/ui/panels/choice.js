// What is chosen for this tensor: format with its error always in sight, symmetry, grouping, method, and how far it reaches.

function field(parent, label, meaning) {
  const select = h("select", { class: "wb-select", "aria-label": label, title: meaning });
  parent.append(h("label", { class: "wb-field", title: meaning }, h("span", { class: "wb-field-name", text: label }), select));
  return select;
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-choice", "choice");
  const scope = h("select", { class: "wb-select wb-scope", "aria-label": "apply to" });
  root.append(h("div", { class: "wb-room-head" }, h("h3", { class: "wb-heading", text: "Choice" }),
    h("label", { class: "wb-apply" }, h("span", { class: "wb-muted", text: "apply format to" }), scope)));
  const group = h("div", { class: "wb-formats", role: "radiogroup", "aria-label": "number format" });
  root.append(group);
  const scheme = field(root, "Scheme", "symmetric: zero point 0, one mirrored threshold; affine: lower and upper threshold apart");
  const grouping = field(root, "Scale", "which values share one scale");
  const method = field(root, "Threshold", "how the range was chosen; dragging a handle makes it by hand");
  const note = h("p", { class: "wb-muted wb-choice-note" });
  root.append(note);
  scope.addEventListener("keydown", (event) => event.stopPropagation());

  const ask = (format) => {
    const chosen = scope.value || "tensor";
    model.send({ kind: "format", format, scope: chosen.replace("=", ""), same_kind: chosen.endsWith("=") });
  };
  const figures = (f) => (f.name === "fp32" ? "exact" : f.why ? "no range" : f.sqnr_db === null ? (f.unknown ? "–" : "…") : Number.isFinite(number(f.sqnr_db)) ? `${decibels(f.sqnr_db)} dB` : decibels(f.sqnr_db));

  const segments = new Map();
  const more = h("select", { class: "wb-more-select", "aria-label": "more formats", tabindex: "-1" });
  const moreTitle = h("b", { text: "more…" });
  const moreFigure = h("span");
  const moreBits = h("span");
  const moreBox = h("div", { class: "wb-format wb-more", role: "presentation" }, moreTitle, moreFigure, moreBits, more);
  more.addEventListener("change", () => { if (more.value) ask(more.value); });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...group.querySelectorAll("button")];
    const at = buttons.indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    buttons[(at + step + buttons.length) % buttons.length].focus();
  });

  const paint = () => {
    const v = model.get("view");
    root.classList.toggle("wb-off", !v.tensor);
    if (!v.tensor) return;
    if (!segments.size) {
      for (const f of v.segments) {
        const parts = [h("b", { text: f.title }), h("span"), h("span", { text: `${f.bits} bit` })];
        const button = h("button", { class: "wb-format", type: "button", role: "radio", data: { format: f.name }, onclick: () => ask(f.name) }, ...parts);
        segments.set(f.name, { button, figure: parts[1] });
        group.append(button);
      }
      group.append(moreBox);
    }
    for (const f of v.segments) {
      const { button, figure } = segments.get(f.name);
      const on = v.format === f.name;
      put(figure, figures(f));
      attr(button, "aria-checked", on ? "true" : "false");
      attr(button, "disabled", Boolean(f.why) && !on);
      button.title = f.why || `${f.title}: ${f.bits} bits a value, ${figures(f)} on this tensor`;
    }
    const other = v.more.find((f) => f.name === v.format);
    put(moreTitle, other ? other.title : "more…");
    put(moreFigure, other ? figures(other) : `+${v.more.length}`);
    put(moreBits, other ? `${other.bits} bit` : "");
    moreBox.classList.toggle("wb-on", Boolean(other));
    const options = [{ value: "", title: "more formats", disabled: true }].concat(
      v.more.map((f) => ({ value: f.name, title: `${f.title} · ${f.bits} bit · ${figures(f)}`, disabled: Boolean(f.why), why: f.why })));
    fillSelect(more, options, other ? v.format : "");
    attr(more, "tabindex", "0");
    const kept = scope.value;
    fillSelect(scope, v.scopes, v.scopes.some((s) => s.value === kept) ? kept : "tensor");
    for (const [select, part] of [[scheme, v.scheme], [grouping, v.grouping], [method, v.method]]) {
      fillSelect(select, part.options, part.value);
      attr(select, "disabled", part.disabled);
    }
    put(note, v.note);
  };
  for (const [select, kind] of [[scheme, "scheme"], [grouping, "grouping"], [method, "method"]]) {
    select.addEventListener("change", () => model.send({ kind, value: select.value }));
  }
  listen(model, "change:view", paint, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
