// The export dialog.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-export", "export");
  const target = h("select", { class: "wb-select", "aria-label": "target" });
  const path = h("input", { class: "wb-input", type: "text", "aria-label": "file", spellcheck: "false" });
  const refusals = h("ul", { class: "wb-refusals" });
  const remedy = h("button", { class: "wb-link", type: "button", text: "Choose FP16 for the whole network" });
  const result = h("div", { class: "wb-result", role: "status" });
  const go = h("button", { class: "wb-button wb-primary", type: "button", text: "Export" });
  const close = h("button", { class: "wb-button", type: "button", text: "Close" });
  let edited = false;
  const { show } = dialogOf(root, "wb-dialog", "Export", [
    h("h3", { class: "wb-dialog-title", text: "Export" }),
    h("label", { class: "wb-field" }, h("span", { class: "wb-field-name", text: "Target" }), target),
    h("label", { class: "wb-field" }, h("span", { class: "wb-field-name", text: "File" }), path),
    h("p", { class: "wb-muted wb-dialog-note", text: "The recipe is saved beside it as .recipe.json; Recipe.load and export give the same file again." }),
    refusals, remedy, result, h("div", { class: "wb-dialog-buttons" }, close, go)], {
    event: "workbench-export", signal, first: () => target,
    opened() { result.hidden = true; model.send({ kind: "open", open: true }); },
    closed: () => model.send({ kind: "open", open: false }),
  });
  close.addEventListener("click", () => show(false));
  path.addEventListener("keydown", (event) => { if (event.key === "Enter" && !go.disabled) go.click(); });
  target.addEventListener("change", () => { edited = false; result.hidden = true; model.send({ kind: "target", target: target.value }); });
  path.addEventListener("input", () => { edited = true; });
  remedy.addEventListener("click", () => model.send({ kind: "all_fp16" }));
  go.addEventListener("click", () => { result.hidden = false; put(result, "Writing and checking…"); model.send({ kind: "export", path: path.value }); });

  const paint = () => {
    const v = model.get("view");
    fillSelect(target, v.targets, v.target);
    if (!edited && path.value !== v.path) path.value = v.path;
    refusals.replaceChildren(...v.refusals.map((words) => h("li", { text: words })));
    if (v.more) refusals.append(h("li", { text: `and ${v.more.toLocaleString("en-US")} more of this kind` }));
    refusals.hidden = !v.refusals.length;
    remedy.hidden = !v.all_fp16;
    const d = v.done;
    attr(go, "disabled", v.refusals.length > 0 || Boolean(d && d.running));
    go.title = v.refusals.length ? "this target cannot express the present choices" : "";
    if (!d || result.hidden) return;
    result.replaceChildren();
    result.classList.toggle("wb-bad", Boolean(d.refused));
    if (d.running) put(result, "Writing and checking…");
    else if (d.refused) put(result, `Nothing was written. ${d.refused}`);
    else {
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
      for (const words of d.notices) result.append(h("div", { class: "wb-muted", text: words }));
    }
  };
  listen(model, "change:view", paint, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
