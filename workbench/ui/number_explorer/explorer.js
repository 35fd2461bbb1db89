// The number explorer. The number and its float32 bits live here; the table is asked of Python, the newest state alone.

const EXAMPLES = [
  ["0.1", "no binary fraction"], ["1/3", "a repeating fraction"], ["65504", "the largest fp16"], ["65520", "where fp16 overflows"],
  ["6e-8", "the smallest fp16"], ["1e-8", "lost in fp16"], ["2049", "fp16 skips odd numbers from here"], ["3.4e38", "nearly the largest float32"],
  ["-0.0", "minus zero"], ["inf", "infinity"], ["nan", "not a number"],
];
const PATIENCE = 3000; // ms after which a question counts as lost

// Sends the newest state, one question at a time.
function asker(model, origin) {
  let serial = 0;
  let waiting = 0;
  let timer = null;
  let next = null;
  const send = () => {
    serial += 1;
    waiting = serial;
    model.send({ kind: "set", origin, serial, ...next });
    next = null;
    timer = setTimeout(() => { waiting = 0; if (next) send(); }, PATIENCE);
  };
  return {
    ask: (change) => {
      next = { ...next, ...change };
      if (!waiting) send();
    },
    // whether an answer is the newest one
    heard: (view) => {
      if (view.origin !== origin) return !waiting && !next;
      if (view.serial < waiting) return false;
      clearTimeout(timer);
      waiting = 0;
      if (next) send();
      return waiting === 0;
    },
    stop: () => clearTimeout(timer),
  };
}

function render({ model, el, signal }) {
  const root = rootOf(el, "workbench-app wb-anatomy", "number explorer");
  const origin = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const questions = asker(model, origin);
  signal?.addEventListener("abort", questions.stop);
  const state = { x: 0, bits: 0 };

  const field = h("input", { class: "wb-value-field", type: "text", spellcheck: "false", autocomplete: "off", "aria-label": "number", title: "0.1 · 1e-8 · 1/3 · pi · 2^-14 · inf · nan · -0.0 · 0x1.8p3 · bits of a float32: 0b… or 0x…" });
  const trouble = h("span", { class: "wb-trouble", role: "status", "aria-live": "polite" });
  const scale = ruler((x) => become(x, bitsOf(x)), signal);
  const boxes = float32((bits) => become(floatOf(bits), bits), signal);
  const rows = table((name) => choose(name), signal);
  const detail = rounding();
  const threshold = h("input", { class: "wb-threshold-field", type: "text", spellcheck: "false", autocomplete: "off", "aria-label": "scale T" });
  const automatic = h("button", { type: "button", class: "wb-quiet-button", "aria-label": "scale T automatic", title: "T = 1, or the next power of two above the number", text: "auto" });
  const all = h("button", { type: "button", class: "wb-quiet-button" });
  const examples = EXAMPLES.map(([text, words]) =>
    h("button", { type: "button", class: "wb-quiet-button wb-example", title: words, text: pretty(text), data: { example: text }, onclick: () => type(text) }),
  );

  root.append(
    h("div", { class: "wb-row-line wb-top" }, h("label", { class: "wb-number-label" }, h("span", { text: "number" }), field), h("div", { class: "wb-examples", role: "group", "aria-label": "interesting numbers" }, ...examples)),
    h("div", { class: "wb-trouble-line" }, trouble),
    scale.element,
    boxes.element,
    h("div", { class: "wb-rooms" },
      h("section", { class: "wb-formats-room", "aria-label": "formats" },
        h("div", { class: "wb-row-line" }, h("h3", { class: "wb-heading", text: "in every format" }), h("span", { class: "wb-space" }),
          h("label", { class: "wb-threshold", title: "formats with a scale cover [−T, T]; in a block format T is the largest of the neighbours" }, h("span", { text: "scale T" }), threshold), automatic, all),
        h("div", { class: "wb-table-frame" }, rows.element)),
      detail.element),
  );

  const paintNumber = (text) => {
    if (text !== undefined && field.value !== text) field.value = text;
    attr(field, "data-value", written(state.x));
    scale.paint(state.x);
    boxes.paint(state.x, state.bits);
  };
  const ask = (change) => {
    attr(root, "data-state", "waiting");
    questions.ask(change);
  };
  const become = (x, bits, text) => {
    Object.assign(state, { x, bits });
    complain("");
    paintNumber(text ?? shortest(x));
    ask({ value: written(x) });
  };
  const complain = (words) => {
    put(trouble, words);
    attr(field, "aria-invalid", words ? "true" : null);
  };
  const type = (text) => {
    const found = parsed(text);
    if (found) become(found.x, found.bits, text);
    else complain(text.trim() ? "This is no number. Try 0.1, 1e-8, 1/3, pi, 2^-14, inf, nan, 0x1.8p3, or float32 bits as 0b… or 0x…" : "Type a number.");
  };
  const choose = (name) => {
    rows.choose(name);
    ask({ chosen: name });
  };
  field.addEventListener("input", () => type(field.value), { signal });
  const setThreshold = () => {
    const found = parsed(threshold.value);
    const good = found && found.x >= 1.1754943508222875e-38 && found.x <= 3.4028234663852886e38;
    attr(threshold, "aria-invalid", good ? null : "true");
    attr(threshold, "title", good ? null : "a positive number is needed");
    if (good) ask({ threshold: written(found.x) });
  };
  threshold.addEventListener("input", setThreshold, { signal });
  threshold.addEventListener("blur", () => {
    attr(threshold, "aria-invalid", null);
    threshold.value = shortest(read(model.get("view").threshold));
  }, { signal });
  automatic.addEventListener("click", () => ask({ threshold: automatic.getAttribute("aria-pressed") === "true" ? model.get("view").threshold : null }), { signal });
  all.addEventListener("click", () => ask({ show_all: !model.get("view").show_all }), { signal });

  const show = () => {
    const view = model.get("view");
    const newest = questions.heard(view);
    if (view.origin !== origin && newest) {
      const x = read(view.value);
      if (!Object.is(x, state.x)) {
        Object.assign(state, { x, bits: bitsOf(x) });
        complain("");
      }
      paintNumber(document.activeElement === field && parsed(field.value)?.x === x ? undefined : shortest(x) === "nan" || Math.fround(x) === x ? shortest(x) : String(x));
    }
    rows.paint(view.rows, view.chosen);
    detail.paint(view.detail);
    scale.zones(view.detail.range, view.detail.title);
    if (document.activeElement !== threshold) threshold.value = shortest(read(view.threshold));
    attr(threshold, "data-value", view.threshold);
    attr(automatic, "aria-pressed", String(view.automatic));
    const rest = view.n_formats - view.rows.length;
    put(all, view.show_all ? "show few" : `show all ${view.n_formats}`);
    attr(all, "aria-pressed", String(view.show_all));
    attr(all, "title", rest > 0 ? `${rest} more formats` : null);
    if (newest) attr(root, "data-state", "ready");
  };
  listen(model, "change:view", show, signal);
  state.x = NaN;
  state.bits = bitsOf(NaN);
  show();
  sayHello(model, signal);
}

export default { render };
