// One line: the model, size, output figures, status, undo, redo, help, export.

const SIZE = "weights and biases in float32 and as chosen, scales included, 1 KB = 1000 bytes";

function figure(parent, label, short, metric, meaning) {
  const value = h("b", { class: "wb-figure-value", data: metric ? { metric } : undefined, text: "–" });
  const extra = h("span", { class: "wb-figure-extra" });
  const box = h("span", { class: "wb-figure", title: meaning }, 
    h("span", { class: "wb-figure-name wb-long", text: label }), h("span", { class: "wb-figure-name wb-short", text: short }), value, extra);
  parent.append(box);
  return { box, value, extra };
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-header", "model and output");
  const name = h("h2", { class: "wb-model-name" });
  const facts = h("button", { class: "wb-facts", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" });
  root.append(h("div", { class: "wb-title" }, name, facts));
  const figures = h("div", { class: "wb-figures" });
  root.append(figures);
  const size = figure(figures, "size", "", null, SIZE);
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
    h("span", { class: "wb-long", text: "Versions" }), h("span", { class: "wb-short", text: "⧉" }));
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
    put(size.value, `${kilobytes(v.float_kb)} → ${kilobytes(v.chosen_kb)} KB`);
    put(size.extra, v.coded_kb === null ? "" : `(${kilobytes(v.coded_kb)} coded)`);
    size.box.title = v.coded_kb === null ? SIZE : `${SIZE}; ${kilobytes(v.coded_kb)} KB with codebooks and pruned weights entropy-coded`;
    const o = v.output;
    const metric = (f, raw, text) => { attr(f.value, "data-value", raw === null || raw === undefined ? "" : String(number(raw))); put(f.value, text); };
    metric(sqnr, o?.sqnr_db, o ? decibels(o.sqnr_db) : "–");
    put(sqnr.extra, o && Number.isFinite(number(o.sqnr_db)) ? "dB" : "");
    metric(agreement, o?.agreement, percent(o?.agreement));
    put(agreement.extra, o && o.agreement !== null ? "%" : "");
    agreement.box.hidden = !v.has_data || Boolean(o && o.agreement === null);
    accuracy.box.hidden = !o || o.accuracy === null;
    metric(accuracy, o?.accuracy, percent(o?.accuracy));
    const half = o?.interval ? (100 * (o.interval[1] - o.interval[0])) / 2 : 0;
    accuracy.box.title = o && o.accuracy !== null ? `right answers: ${percent(o.accuracy)} %, in float ${percent(o.float_accuracy)} ± ${half.toFixed(1)} %` : "";
    put(accuracy.extra, o && o.accuracy !== null ? `% (float ${percent(o.float_accuracy)} ± ${half.toFixed(1)})` : "");
    for (const f of [sqnr, agreement, accuracy]) f.box.classList.toggle("wb-stale", v.updating);
    sqnr.box.title = v.has_data ? sqnr.box.title : "no data yet: wb.App(model, data) shows what the output becomes";
    attr(undo, "disabled", !v.can_undo);
    attr(redo, "disabled", !v.can_redo);
    toast(v.trouble);
    bar.classList.toggle("wb-running", Boolean(v.activity) && share !== null);
    bar.firstChild.style.width = `${100 * (share ?? 0)}%`;
  };
  listen(model, "change:view", paint, signal);
  listen(model, "change:view", measuredNow, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
