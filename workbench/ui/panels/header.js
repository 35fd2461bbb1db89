// One line: the model, size, output figures, status, undo, redo, help, export.

const SIZE = "weights and biases in float32 and as chosen, scales included, 1 kB = 1000 bytes";

function figure(parent, label, short, metric, meaning) {
  const value = h("b", { class: "wb-figure-value", data: metric ? { metric } : undefined, text: "–" });
  const unit = h("span", { class: "wb-figure-unit" });
  const extra = h("span", { class: "wb-figure-extra" });
  const box = h("span", { class: "wb-figure", title: meaning }, 
    h("span", { class: "wb-figure-name wb-long", text: label }), h("span", { class: "wb-figure-name wb-short", text: short }), value, unit, extra);
  parent.append(box);
  return { box, value, unit, extra };
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-header", "model and output");
  const name = h("h2", { class: "wb-model-name" });
  const facts = h("button", { class: "wb-facts", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" });
  root.append(h("div", { class: "wb-title" }, name, facts));
  const target = h("select", { class: "wb-select wb-target-select", "aria-label": "target" });
  const [fitLong, fitShort] = [h("span", { class: "wb-long" }), h("span", { class: "wb-short" })];
  const fit = h("button", { class: "wb-misfits", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" }, fitLong, fitShort);
  root.append(h("div", { class: "wb-target", title: "what the network is to run on; what it cannot express is greyed" },
    h("label", { class: "wb-target-line" }, h("span", { class: "wb-figure-name wb-long", text: "target" }), target), fit));
  const figures = h("div", { class: "wb-figures" });
  root.append(figures);
  const size = figure(figures, "weights", "weights", null, SIZE);
  const sqnr = figure(figures, "output SQNR", "SQNR", "output_sqnr_db",
    "signal to quantization noise at the network's output: 10 log₁₀(Σ f² / Σ (f − q)²) over all samples");
  const predicted = h("b", { class: "wb-figure-value", data: { metric: "output_sqnr_db_predicted", value: "" }, text: "–" });
  const slot = h("span", { class: "wb-figure-slot" });
  sqnr.value.replaceWith(slot);
  slot.append(sqnr.value, predicted, h("span", { class: "wb-figure-predicted", text: "predicted", title: "read from the output curve of the selected tensor; the measured figure follows" }));
  const agreement = figure(figures, "same answer", "same", "output_agreement", "share of samples whose largest output is the float network's");
  const accuracy = figure(figures, "accuracy", "right", "output_accuracy", "share of samples with the right answer, as chosen and in float");
  for (const { box } of [size, accuracy]) box.classList.add("wb-figure-long");
  const help = h("button", { class: "wb-button", type: "button", text: "?", title: "a tour of the app in four steps", "aria-label": "tour of the app" });
  const undo = h("button", { class: "wb-button", type: "button", text: "↶", title: "undo the last change", "aria-label": "undo" });
  const redo = h("button", { class: "wb-button", type: "button", text: "↷", title: "redo what was undone", "aria-label": "redo" });
  const versions = h("button", { class: "wb-button", type: "button", "aria-label": "Versions", title: "snapshots, what differs between them, and the work as a script" },
    h("span", { class: "wb-long", text: "Versions" }), h("span", { class: "wb-short", text: "Ver." }));
  const exporting = h("button", { class: "wb-button wb-primary", type: "button", text: "Export…", title: "write a file for a target and check it" });
  const bar = h("div", { class: "wb-progress", "aria-hidden": "true" }, h("i"));
  root.append(h("div", { class: "wb-buttons" }, help, undo, redo, versions, exporting), bar);

  undo.addEventListener("click", () => model.send({ kind: "undo" }));
  redo.addEventListener("click", () => model.send({ kind: "redo" }));
  const announce = (event) => () => appOf(root)?.dispatchEvent(new CustomEvent(event));
  exporting.addEventListener("click", announce("workbench-export"));
  versions.addEventListener("click", announce("workbench-versions"));
  facts.addEventListener("click", announce("workbench-work"));
  help.addEventListener("click", announce("workbench-tour"));

  // Tensors that the target cannot express as they are chosen.
  target.addEventListener("change", () => model.send({ kind: "target", target: target.value }));
  const misfits = popupOf(() => fit, "wb-misfit-list", "tensors that do not fit the target", {
    width: 440,
    opened: (list) => { list.replaceChildren(h("p", { class: "wb-muted", text: "One moment…" })); model.send({ kind: "misfits", open: true }); },
    closed: () => model.send({ kind: "misfits", open: false }),
  });
  fit.addEventListener("click", () => (misfits.isOpen() ? misfits.hide(true) : misfits.show()));
  const fillMisfits = (v) => {
    const key = JSON.stringify([v.misfits, v.fit]);
    if (!misfits.isOpen() || !v.misfits.length || misfits.box.dataset.key === key) return;
    const focused = !misfits.box.dataset.key || misfits.box.contains(document.activeElement); // it was just opened, or is in use
    misfits.box.dataset.key = key;
    const line = (tensor) => h("button", { class: "wb-menu-line wb-misfit-line", type: "button", title: "look at this tensor",
      onclick: () => { misfits.hide(true); model.send({ kind: "look_at", tensor }); } }, h("b", { text: tensor }));
    misfits.box.replaceChildren(...v.misfits.flatMap(([why, tensors]) => [h("p", { class: "wb-misfit-why", text: why }), ...tensors.map(line)]));
    if (v.fit) misfits.box.prepend(h("button", { class: "wb-button wb-fit", type: "button", text: `Fit the recipe to ${v.fit}`,
      title: "change what cannot be expressed to the nearest that can, as one step that can be undone",
      onclick: () => { misfits.hide(false); target.focus({ preventScroll: true }); model.send({ kind: "fit" }); } }));
    const more = v.n_misfits - v.misfits.reduce((n, [, tensors]) => n + tensors.length, 0);
    if (more > 0) misfits.box.append(h("p", { class: "wb-muted", text: `and ${more.toLocaleString("en-US")} more` }));
    misfits.place();
    if (focused) misfits.box.querySelector(".wb-misfit-line")?.focus({ preventScroll: true });
  };
  const paintTarget = (v) => {
    fillSelect(target, v.targets, v.target);
    const shown = v.targets.find((each) => each.value === v.target);
    target.title = shown ? `${shown.title}: ${shown.why}` : "";
    const n = v.n_misfits;
    put(fitLong, n ? `${n.toLocaleString("en-US")} tensor${n > 1 ? "s do" : " does"} not fit` : v.target ? "everything fits" : "no target");
    put(fitShort, n ? `${n.toLocaleString("en-US")} unfit` : v.target ? "all fits" : "no target");
    attr(fit, "disabled", !n);
    fit.classList.toggle("wb-bad", n > 0);
    fit.title = n ? "tensors that this target cannot express as they are chosen; click: which, and why" : "";
    if (!n && misfits.isOpen()) misfits.hide(true);
    if (!misfits.isOpen()) delete misfits.box.dataset.key;
    fillMisfits(v);
  };
  signal?.addEventListener("abort", () => misfits.hide(false));

  // What went wrong stands at the bottom until it is waved away; the notes keep it.
  let said = "";
  let box = null;
  const toast = (words) => {
    if (words === said) return;
    said = words;
    box?.remove();
    const app = appOf(root);
    if (!words || !app) return;
    const away = h("button", { class: "wb-link", type: "button", text: "Close", onclick: () => box.remove() });
    box = ownKeys(h("div", { class: "wb-toast", role: "alert" }, h("span", { text: words }), away));
    app.append(box);
  };
  signal?.addEventListener("abort", () => box?.remove());

  // What a drag makes of the output, read from the tensor's output curve: from the first move until it is measured.
  let expected = null;
  let before = 0; // changes that were made when the handle was moved last
  const paintExpected = () => {
    const text = expected === null ? "" : String(expected);
    if (predicted.dataset.value === text) return;
    predicted.dataset.value = text;
    put(predicted, expected === null ? "–" : `≈\u2009${decibels(expected)}`);
    slot.classList.toggle("wb-expecting", expected !== null);
  };
  const measuredNow = () => {
    const v = model.get("view");
    if (v.measured && v.changes !== before) expected = null;
    paintExpected();
  };
  hearApp(root, signal, "workbench-live", ({ detail }) => {
    const v = model.get("view");
    if (detail.live) [expected, before] = [detail.output_sqnr_db_predicted ?? null, v.changes];
    else if (v.measured && v.changes === before) expected = null; // the handle went back to where it was
    paintExpected();
  });

  const kilobytes = (x) => x.toLocaleString("en-US", { maximumFractionDigits: x < 100 ? 1 : 0, minimumFractionDigits: x < 100 ? 1 : 0 });
  const paint = () => {
    const v = model.get("view");
    put(name, v.model);
    name.title = v.model;
    const share = v.progress;
    const about = `${v.n_layers.toLocaleString("en-US")} layers · ${v.parameters} parameters`;
    const doing = v.progress_words || `${v.activity}${share === null ? "…" : ` ${Math.round(100 * share)} %`}`;
    put(facts, v.activity ? doing : about);
    facts.title = `${v.activity ? `${doing}\n${about}` : about}\nclick: everything that runs in the background`;
    put(size.value, `${kilobytes(v.float_kb)} → ${kilobytes(v.chosen_kb)} kB`);
    put(size.extra, v.coded_kb === null ? "" : `(${kilobytes(v.coded_kb)} coded)`);
    size.box.title = v.coded_kb === null ? SIZE : `${SIZE}; ${kilobytes(v.coded_kb)} kB with codebooks and pruned weights entropy-coded`;
    const o = v.output;
    const metric = (f, raw, text) => { attr(f.value, "data-value", raw === null || raw === undefined ? "" : String(number(raw))); put(f.value, text); };
    metric(sqnr, o?.sqnr_db, o ? decibels(o.sqnr_db) : "–");
    put(sqnr.unit, o && Number.isFinite(number(o.sqnr_db)) ? "dB" : "");
    metric(agreement, o?.agreement, percent(o?.agreement));
    put(agreement.unit, o && o.agreement !== null ? "%" : "");
    agreement.box.hidden = !v.has_data || Boolean(o && o.agreement === null);
    accuracy.box.hidden = !o || o.accuracy === null;
    metric(accuracy, o?.accuracy, percent(o?.accuracy));
    const half = o?.interval ? (100 * (o.interval[1] - o.interval[0])) / 2 : 0;
    accuracy.box.title = o && o.accuracy !== null ? `right answers: ${percent(o.accuracy)} %, in float ${percent(o.float_accuracy)} ± ${half.toFixed(1)} %` : "";
    put(accuracy.unit, o && o.accuracy !== null ? "%" : "");
    put(accuracy.extra, o && o.accuracy !== null ? `(float ${percent(o.float_accuracy)} ± ${half.toFixed(1)})` : "");
    for (const f of [sqnr, agreement, accuracy]) f.box.classList.toggle("wb-stale", v.updating);
    sqnr.box.title = v.has_data ? sqnr.box.title : "no data yet: wb.App(model, data) shows what the output becomes";
    attr(undo, "disabled", !v.can_undo);
    attr(redo, "disabled", !v.can_redo);
    toast(v.trouble);
    paintTarget(v);
    bar.classList.toggle("wb-running", Boolean(v.activity) && share !== null);
    bar.firstChild.style.width = `${100 * (share ?? 0)}%`;
  };
  listen(model, "change:view", paint, signal);
  listen(model, "change:view", measuredNow, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
