// The export dialog: a file for a target, and what comes from the files of the target's tool.

// A part of the dialog that is closed at first, behind a button that says what is in it.
function foldOf(label, ...parts) {
  const words = h("span", { class: "wb-fold-words wb-muted" });
  const body = h("div", { class: "wb-fold-body", hidden: true }, ...parts);
  const button = h("button", { class: "wb-fold", type: "button", "aria-expanded": "false" }, h("b", { text: label }), words);
  button.addEventListener("click", () => {
    body.hidden = !body.hidden;
    attr(button, "aria-expanded", String(!body.hidden));
  });
  return { element: h("div", { class: "wb-folded" }, button, body), words };
}

// A path and a button that has it read; what became of it stands below.
function receiverOf(what, label, verb, meaning, send) {
  const path = h("input", { class: "wb-input", type: "text", "aria-label": label, spellcheck: "false", title: meaning });
  const go = h("button", { class: "wb-button", type: "button", text: verb });
  const told = h("div", { class: "wb-told", role: "status", hidden: true });
  let missing = false, latest;
  const read = () => {
    missing = !path.value.trim();
    if (missing) path.focus();
    else send({ kind: "receive", what, path: path.value });
    paint(latest);
  };
  go.addEventListener("click", read);
  path.addEventListener("keydown", (event) => { if (event.key === "Enter") read(); });
  path.addEventListener("input", () => { if (missing) { missing = false; paint(latest); } });
  const paint = (received) => {
    latest = received;
    told.hidden = !received && !missing;
    attr(go, "disabled", Boolean(received?.running));
    told.classList.toggle("wb-bad", missing || Boolean(received?.refused));
    if (missing) { put(told, "Give a file."); return; }
    if (!received) return;
    if (received.running) put(told, "Reading…");
    else if (received.refused) put(told, `Nothing was changed. ${received.refused}`);
    else told.replaceChildren(listOf(received.words.flatMap((words) => words.split("\n")), `what ${what} said`));
  };
  return { parts: [h("div", { class: "wb-receiver" }, path, go), told], path, paint };
}

// Sentences that scroll where they are many; the keyboard reaches them.
const listOf = (sentences, label) => h("ul", { class: "wb-notices", tabindex: "0", "aria-label": label }, ...sentences.map((words) => h("li", { text: words })));

// A path with the ending of another target; folder and stem stay as they were typed.
const renamed = (path, former, suffix) => (path.toLowerCase().endsWith(former) ? path.slice(0, -former.length) + suffix : path);

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-export", "export");
  const send = (message) => model.send(message);
  const target = h("select", { class: "wb-select", "aria-label": "target" });
  const path = h("input", { class: "wb-input", type: "text", "aria-label": "file", spellcheck: "false" });
  const options = h("div", { class: "wb-export-options" });
  const refusals = h("ul", { class: "wb-refusals" });
  const remedy = h("button", { class: "wb-link", type: "button", text: "Choose FP16 for the whole network" });
  const fit = h("button", { class: "wb-link", type: "button" });
  const health = h("div", { class: "wb-health" });
  const names = receiverOf("names", "names from", "Match", "ncnn's .param, TensorRT's layer information as JSON, or a CSV: our name, their name", send);
  const table = h("div", { class: "wb-names", role: "table", "aria-label": "what the tool calls each tensor" });
  const naming = foldOf("Names there", h("p", { class: "wb-muted wb-fold-note", text: "The tool's own network (ncnn's .param, TensorRT's layer information, or a CSV of pairs) says what it calls each tensor." }), ...names.parts, table);
  const ranges = receiverOf("ranges", "ranges from", "Open", "a calibration cache, table or encodings of another tool", send);
  const known = h("p", { class: "wb-muted wb-fold-note" });
  const opening = foldOf("Open ranges…", known, ...ranges.parts);
  const result = h("div", { class: "wb-result", role: "status", hidden: true });
  const instead = h("button", { class: "wb-link", type: "button" });
  const folder = h("p", { class: "wb-muted wb-export-folder" });
  const blocked = h("span", { class: "wb-blocked", role: "status" });
  const go = h("button", { class: "wb-button wb-primary", type: "button", text: "Export" });
  const close = h("button", { class: "wb-button", type: "button", text: "Close" });
  // what the page chose: a view that answers an earlier message (`heard` is lower) must not take it back
  let sent = model.get("view").heard, chosen = "", edited = false, waiting = false;
  const say = (message) => {
    sent = Math.max(sent, model.get("view").heard) + 1;
    send({ ...message, n: sent });
  };
  const { show, isOpen } = dialogOf(root, "wb-dialog wb-export-dialog", "Export", [
    h("h3", { class: "wb-dialog-title", text: "Export" }),
    h("div", { class: "wb-export-body" },
      h("label", { class: "wb-field" }, h("span", { class: "wb-field-name", text: "Target" }), target),
      h("label", { class: "wb-field" }, h("span", { class: "wb-field-name", text: "File" }), path),
      folder, options, refusals, remedy, fit, instead, health, result, naming.element, opening.element),
    h("div", { class: "wb-dialog-buttons" }, blocked, close, go)], {
    event: "workbench-export", signal, first: () => target,
    opened: () => send({ kind: "open", open: true }),
    closed: () => send({ kind: "open", open: false }),
  });
  const aboutChosen = () => model.get("view").targets.find((each) => each.value === chosen);
  const choose = (name) => {
    const former = aboutChosen();
    chosen = name;
    if (edited && former) path.value = renamed(path.value, former.suffix, aboutChosen().suffix);
  };
  const turnTo = (name) => {
    choose(name);
    say({ kind: "target", target: name });
    paint();
  };
  const keep = () => { send({ kind: "keep" }); path.focus(); };
  close.addEventListener("click", () => show(false));
  path.addEventListener("keydown", (event) => { if (event.key === "Enter" && !go.disabled) { event.preventDefault(); go.click(); } });
  target.addEventListener("change", () => turnTo(target.value));
  path.addEventListener("input", () => {
    edited = true;
    const v = model.get("view");
    if (v.question || v.objection) send({ kind: "keep" });
  });
  remedy.addEventListener("click", () => send({ kind: "all_fp16" }));
  fit.addEventListener("click", () => send({ kind: "fit" }));
  instead.addEventListener("click", () => turnTo(instead.dataset.target));
  go.addEventListener("click", () => {
    if (waiting) return;
    const given = Object.fromEntries([...options.querySelectorAll("input")].map((input) => [input.dataset.option, input.value]));
    waiting = true;
    say({ kind: "export", target: chosen, path: path.value, options: given });
    paint();
    result.scrollIntoView({ block: "nearest" });
  });

  const paintOptions = (all) => {
    const key = JSON.stringify([chosen, all]);
    if (options.dataset.key === key) return;
    options.dataset.key = key;
    options.replaceChildren(...all.map((option) => h("div", { class: "wb-export-option" },
      h("label", { class: "wb-field" },
        h("span", { class: "wb-field-name wb-option-name", text: option.label }),
        h("input", { class: "wb-input", type: "text", spellcheck: "false", "aria-description": option.meaning, data: { option: option.name } })),
      h("p", { class: "wb-muted wb-option-help", text: option.meaning }))));
  };

  // One line a tensor; a line that is being typed in stays as it is.
  const paintNames = (v) => {
    const unmatched = v.names.filter((row) => !row.how).length;
    put(naming.words, v.n_names || v.names.length ? `${v.n_names.toLocaleString("en-US")} of another name${unmatched ? `, ${unmatched.toLocaleString("en-US")} unmatched` : ""}` : "as in the model");
    table.hidden = !v.names.length;
    const key = JSON.stringify([v.names, v.n_more_names]);
    if (table.dataset.key === key) return;
    const held = table.contains(document.activeElement) ? document.activeElement.dataset.tensor : undefined;
    table.dataset.key = key;
    const head = h("div", { class: "wb-names-row wb-names-head", role: "row" }, ...["tensor", "name there", "found by"].map((text) => h("span", { role: "columnheader", text })));
    table.replaceChildren(head, ...v.names.map(nameRow));
    if (v.n_more_names) table.append(h("p", { class: "wb-muted", text: `and ${v.n_more_names.toLocaleString("en-US")} more` }));
    if (held !== undefined) [...table.querySelectorAll("input")].find((input) => input.dataset.tensor === held)?.focus({ preventScroll: true });
  };
  const nameRow = (row) => {
    const could = row.candidates.length ? `could be ${row.candidates.join(", ")}` : "";
    const input = h("input", { class: "wb-input", type: "text", value: row.name, spellcheck: "false", "aria-label": `name of ${row.tensor}`, placeholder: row.how ? row.tensor : could || "not found", title: could || "empty: the model's own name", data: { tensor: row.tensor } });
    input.addEventListener("change", () => send({ kind: "name", tensor: row.tensor, name: input.value }));
    return h("div", { class: `wb-names-row${row.how ? "" : " wb-unmatched"}`, role: "row" },
      h("span", { class: "wb-names-tensor", role: "cell", text: row.tensor, title: row.tensor }), h("span", { role: "cell" }, input),
      h("span", { class: "wb-names-how", role: "cell", text: row.how || "unmatched", title: row.how ? "" : could }));
  };

  // What is worth knowing before anything is written; what forbids it comes first.
  const paintHealth = (findings, sound) => {
    const key = JSON.stringify([findings, sound]);
    if (health.dataset.key === key) return;
    health.dataset.key = key;
    if (!findings) { put(health, "Looking for what an export would suffer from…"); return; }
    if (!findings.length) { put(health, sound); return; }
    const list = listOf(findings.map(([words]) => words), "health of the recipe");
    findings.forEach(([, fatal], n) => list.children[n].classList.toggle("wb-fatal", fatal));
    health.replaceChildren(h("span", { text: "Worth knowing before:" }), list);
  };

  // What the last click led to: a question, an objection, or the last export, which stays until there is another.
  const paintResult = (v) => {
    const d = v.done, key = JSON.stringify([waiting, v.question, v.objection, d]);
    result.hidden = !(waiting || v.question || v.objection || d);
    if (result.dataset.key === key) return;
    const asked = result.contains(document.activeElement);
    result.dataset.key = key;
    result.replaceChildren();
    result.classList.toggle("wb-bad", !waiting && Boolean(v.objection || (!v.question && d?.refused)));
    if (waiting) put(result, "Writing and checking…");
    else if (v.question) paintQuestion(v.question);
    else if (v.objection) put(result, v.objection);
    else if (d?.running) put(result, `${d.running[0].toUpperCase()}${d.running.slice(1)}… ${d.path}`);
    else if (d?.refused) result.append(h("div", { class: "wb-about", text: `Last export · ${d.title} · ${d.path}` }), h("div", { text: `Nothing was written. ${d.refused}` }));
    else if (d) paintWritten(d);
    if (asked && !result.contains(document.activeElement)) path.focus({ preventScroll: true });
    if (!result.hidden && !d?.running && isOpen()) result.scrollIntoView({ block: "nearest" });
  };
  const paintQuestion = (words) => {
    const replace = h("button", { class: "wb-button", type: "button", text: "Replace" });
    const stay = h("button", { class: "wb-button", type: "button", text: "Keep" });
    replace.addEventListener("click", () => send({ kind: "replace" }));
    stay.addEventListener("click", keep);
    result.append(h("div", { text: words }), h("div", { class: "wb-question" }, replace, stay));
    if (isOpen()) stay.focus({ preventScroll: true });
  };
  const paintWritten = (d) => {
    result.append(h("div", { class: "wb-about", text: `Last export · ${d.title}${d.former ? " · of the recipe before the last changes" : ""}` }));
    result.append(h("div", {}, h("b", { class: "wb-good", text: "Written: " }), d.files.join(", ")));
    if (d.bit_equal !== null) {
      const share = number(d.bit_equal);
      const equal = h("b", { data: { metric: "bit_equal", value: String(share) }, text: `${(100 * share).toFixed(share === 1 ? 0 : 3)} %` });
      result.append(h("div", {}, equal, ` of the output values equal what you saw, in all bits, on ${d.n.toLocaleString("en-US")} samples`));
    }
    if (d.sqnr_db !== null) {
      const delta = d.deployed_db === null ? "" : `, with the runtime's default kernels ${decibels(d.deployed_db)} dB`;
      result.append(h("div", { text: `output SQNR of these samples ${decibels(d.sqnr_db)} dB${delta}` }));
    }
    if (d.notices.length) result.append(listOf(d.notices, "remarks"));
  };

  const paint = () => {
    const v = model.get("view"), answered = v.heard >= sent;
    if (answered) {
      if (chosen !== v.target) choose(v.target);
      waiting = false;
    }
    fillSelect(target, v.targets, chosen);
    const about = aboutChosen();
    target.title = about?.why || "";
    if (!edited && about && path.value !== about.path) path.value = about.path;
    put(folder, `${v.folder ? `A bare name goes to ${v.folder}. ` : ""}The recipe is saved beside it as .recipe.json; Recipe.load and export give the same file again.`);
    paintOptions(about?.options || []);
    refusals.replaceChildren(...v.refusals.map((words) => h("li", { text: words })));
    if (v.more) refusals.append(h("li", { text: `and ${v.more.toLocaleString("en-US")} more of this kind` }));
    refusals.hidden = !v.refusals.length;
    remedy.hidden = !v.all_fp16;
    fit.hidden = !v.fit;
    put(fit, v.fit || "");
    instead.hidden = !v.switch;
    put(instead, v.switch ? `Choose “${v.switch.title}”, which holds this recipe` : "");
    instead.dataset.target = v.switch?.target || "";
    paintHealth(v.health, v.sound);
    put(known, v.readers ? `Ranges of another tool become choices, in one step that can be undone: ${v.readers}.` : "No reader of ranges is there.");
    names.paint(v.received.names);
    ranges.paint(v.received.ranges);
    paintNames(v);
    attr(go, "disabled", waiting || v.refusals.length > 0 || Boolean(v.done?.running));
    put(blocked, v.blocked);
    go.title = v.blocked;
    paintResult(v);
  };
  listen(model, "change:view", paint, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
