// What each tensor or layer costs the output: controls in one line, weights and activations below it.

const BYS = [["tensor", "tensors", "one tensor at a time"], ["layer", "layers", "a layer's weight, then all that it reads"]];
const DIRECTIONS = [["alone", "alone", "only this one is quantized"], ["all_but", "all but it", "only this one is left float: what that gains"]];
const ZEROS = [["values", "½ of the values", "the smaller half of a weight's values set to zero"], ["filters", "½ of the filters", "the smaller half of a weight's filters set to zero"]];
const RECIPE = "as chosen";
const SAMPLES = [64, 256, 0]; // 0: all

function picker(label, options, choose) {
  return h("select", { class: "wb-select wb-sens-pick", "aria-label": label, title: `${label}: ${options.map(([, text, why]) => `${text}: ${why}`).join("; ")}`, onchange: (event) => choose(event.target.value) },
    ...options.map(([value, text]) => h("option", { value, text })));
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page wb-sens", "sensitivity");
  const set = (what) => model.send({ kind: "set", ...what });
  const o = () => model.get("view").options;

  const by = picker("one at a time", BYS, (value) => set({ by: value }));
  const direction = picker("what is quantized", DIRECTIONS, (value) => set({ direction: value }));
  const what = h("button", { class: "wb-quiet-button wb-sens-what", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", title: "what is tried: the present recipe, a set of formats, half of the weights zero; on how many samples", onclick: () => (menu.isOpen() ? menu.hide() : menu.show()) });
  const mix = h("button", { class: "wb-quiet-button wb-sens-mix", type: "button", text: "Mix formats", title: "mixed precision: give each weight the format that its place in the network is worth, within a size or for an output SQNR", onclick: () => appOf(root)?.dispatchEvent(new CustomEvent("workbench-mix")) });
  const words = h("span", { class: "wb-sens-words" });
  const run = h("button", { class: "wb-quiet-button wb-sens-run", type: "button", text: "Measure", onclick: () => model.send({ kind: model.get("view").running ? "cancel" : "measure" }) });
  const tables = {};
  for (const [side, title] of [["weights", "weights"], ["activations", "activations"]]) tables[side] = sideTable(side, title, (tensor) => model.send({ kind: "select", tensor }));
  const copy = copyButton("Copy", "the table as it is sorted now, as CSV", () => csvOf(sensitivityCells(model.get("lists"), tables)));
  copy.className = "wb-quiet-button wb-sens-copy";
  const line = h("div", { class: "wb-sens-controls" }, by, what, direction, mix, h("span", { class: "wb-sens-end" }, words, run, copy));
  const sides = h("div", { class: "wb-sens-sides" }, tables.weights.element, tables.activations.element);
  const none = h("p", { class: "wb-empty" });
  root.append(line, sides, none);

  // the menu of what to try
  const chips = h("div", { class: "wb-sens-formats" });
  const hint = h("p", { class: "wb-muted" });
  const menu = popupOf(() => what, "wb-sens-menu", "what to try", {
    width: 430,
    opened(box) { box.replaceChildren(hint, chips); paintMenu(); },
    closed() {},
  });
  function toggle(name) {
    const next = toggled(o().formats, name);
    if (next.length <= o().most) set({ formats: next });
  }
  function paintMenu() {
    if (!menu.isOpen()) return;
    const { formats } = model.get("view");
    put(hint, `A set of formats is tried on every tensor, at most ${o().most} at a time.`);
    const key = JSON.stringify(formats);
    if (chips.dataset.key !== key) {
      chips.dataset.key = key;
      chips.replaceChildren(
        ...chipRow("recipe", [chip(RECIPE, RECIPE, "the formats and ranges of the present recipe", () => set({ formats: [] })),
          chip("usual", "usual set", "INT8, INT4, FP8 and FP16", () => set({ formats: o().usual }))]),
        ...chipRow("samples", SAMPLES.filter((n) => n < o().n_all).map((n) => chip(`n${n}`, n ? String(n) : `all ${o().n_all.toLocaleString("en-US")}`, "samples of the evaluation data to measure on", () => set({ n })))),
        ...chipRow("zeros", ZEROS.map(([kind, title, why]) => chip(kind, title, why, () => set({ half: toggled(o().half, kind) })))),
        ...formatChips(formats, toggle));
      menu.place();
    }
    const on = new Set(o().formats.length ? [...o().formats, ...o().half] : [RECIPE, ...o().half]);
    on.add(`n${o().n < o().n_all ? o().n : 0}`);
    if (o().usual.length === o().formats.length && o().usual.every((name) => on.has(name))) on.add("usual");
    checkChips(chips, on);
  }

  const paint = () => {
    const v = model.get("view");
    const lists = model.get("lists");
    const options = v.options;
    by.value = options.by;
    direction.value = options.direction;
    const zeros = options.half.length ? " + ½" : "";
    put(what, `${options.formats.length === 1 ? "1 format" : options.formats.length ? `${options.formats.length} formats` : RECIPE}${zeros} ▾`);
    what.disabled = options.direction === "all_but";
    put(words, v.missing ? "" : v.words);
    words.title = words.textContent;
    put(run, v.running ? "Cancel" : v.time ? `Measure, ${v.time}` : "Measure");
    run.title = v.running ? "end here; what was measured stays" : v.complete ? "everything is measured" : `run the network once for each row that is only estimated${v.time ? `; takes about ${v.time}` : ""}`;
    run.disabled = Boolean(v.missing) || v.complete;
    put(none, v.missing);
    none.hidden = !v.missing;
    sides.hidden = Boolean(v.missing);
    sides.classList.toggle("wb-sens-stale", v.stale);
    if (!v.missing) {
      const scale = [scaleOf(lists, false), scaleOf(lists, true)];
      sides.style.setProperty("--wb-sens-left", `${widthOf(lists, "weights")}fr`);
      sides.style.setProperty("--wb-sens-right", `${widthOf(lists, "activations")}fr`);
      for (const table of Object.values(tables)) table.show(lists, scale, v.selected);
    }
    paintMenu();
  };
  listen(model, "change:view", paint, signal);
  listen(model, "change:lists", paint, signal);
  const size = new ResizeObserver(() => Object.values(tables).forEach((table) => table.resized()));
  size.observe(sides);
  signal?.addEventListener("abort", () => { size.disconnect(); menu.hide(); });
  paint();
  sayHello(model, signal);
}

export default { render };
