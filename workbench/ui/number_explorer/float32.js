// The 32 bits of the number as boxes to flip, with what each field says and the formula they make.

const NAMES = ["sign", "exponent", "mantissa"];
const nameOf = (bit) => (bit === 31 ? "sign" : bit > 22 ? "exponent" : "mantissa");

function classOf(bits) {
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 255) return mantissa ? "NaN" : "infinity";
  if (exponent === 0) return mantissa ? "subnormal" : "zero";
  return "normal";
}

function meaning(bits) {
  const sign = bits >>> 31;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  const special = exponent === 255;
  const power = exponent === 0 ? 1 : exponent;
  const whole = exponent === 0 ? 0 : 1;
  const digits = shown(whole + mantissa / 2 ** 23, 11);
  return {
    sign: sign ? MINUS_SIGN : "+",
    exponent: special ? "255: infinity or NaN" : `${exponent}${exponent ? "" : ", as 1"} → 2^{${power} - 127} = 2^{${power - 127}}`,
    mantissa: special ? (mantissa ? "not 0: NaN" : "0: infinity") : `${whole} + ${mantissa.toLocaleString("en-US")} / 2^{23} = ${digits}`,
    formula: special
      ? `exponent all ones, mantissa ${mantissa ? "not 0" : "0"}`
      : `(-1)^{${sign}} · 2^{${power} - 127} · ${digits}`,
  };
}

// onBits(bits) when a box was flipped. Returns {element, paint(x, bits)}.
function float32(onBits, signal) {
  const boxes = [];
  const groups = NAMES.map((name) => h("div", { class: `wb-bit-group wb-bits-${name}`, data: { field: name } }));
  let now = 0;
  for (let bit = 31; bit >= 0; bit -= 1) {
    const box = h("button", { type: "button", class: "wb-bit", tabindex: bit === 31 ? "0" : "-1", data: { bit: String(bit) } });
    boxes[bit] = box;
    groups[NAMES.indexOf(nameOf(bit))].append(box);
  }
  const row = h("div", { class: "wb-bit-row", role: "group", "aria-label": "bits of the float32, from 31 to 0; space flips" }, ...groups);
  row.addEventListener("click", (event) => {
    const box = event.target.closest("[data-bit]");
    if (box) onBits((now ^ (1 << Number(box.dataset.bit))) >>> 0);
  }, { signal });
  const focusOn = (bit) => {
    boxes.forEach((box, i) => attr(box, "tabindex", i === bit ? "0" : "-1"));
    boxes[bit].focus();
  };
  row.addEventListener("keydown", (event) => {
    const bit = Number(event.target.dataset.bit);
    const to = { ArrowLeft: Math.min(31, bit + 1), ArrowRight: Math.max(0, bit - 1), Home: 31, End: 0 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    focusOn(to);
  }, { signal });

  const captions = NAMES.map((name) => {
    const words = h("span", { class: "wb-caption-words" });
    return { words, element: h("div", { class: `wb-caption wb-bits-${name}` }, h("b", { text: name }), words) };
  });
  const formula = h("span", { class: "wb-formula", "aria-label": "formula of the float32" });
  const result = h("b", { class: "wb-result", data: { metric: "float32" } });
  const hex = h("code", { class: "wb-hex", data: { metric: "float32.hex" }, title: "the bits as a hexadecimal number; can be typed above" });
  const kind = h("span", { class: "wb-class", data: { metric: "float32.class" } });
  const note = h("p", { class: "wb-bits-note", data: { metric: "float32.note" } });
  const element = h(
    "section", { class: "wb-float32", "aria-label": "float32" },
    h("div", { class: "wb-row-line" }, h("h3", { class: "wb-heading", text: "float32, bit by bit" }), h("span", { class: "wb-muted", text: "click a bit to flip it" }), h("span", { class: "wb-space" }), kind, hex),
    row,
    h("div", { class: "wb-captions" }, ...captions.map((caption) => caption.element)),
    h("p", { class: "wb-formula-line" }, formula, h("span", { text: " = " }), result),
    note,
  );

  const paint = (x, bits) => {
    now = bits;
    for (let bit = 31; bit >= 0; bit -= 1) {
      const on = (bits >>> bit) & 1;
      put(boxes[bit], String(on));
      attr(boxes[bit], "aria-pressed", String(Boolean(on)));
      attr(boxes[bit], "aria-label", `bit ${bit}, ${nameOf(bit)}, ${on}`);
    }
    const said = meaning(bits);
    NAMES.forEach((name, i) => putFormula(captions[i].words, said[name]));
    putFormula(formula, said.formula);
    const value = floatOf(bits);
    putNumber(result, shown(value, 17), written(value));
    const digits = `0x${bits.toString(16).padStart(8, "0")}`;
    putNumber(hex, digits, digits);
    const name = classOf(bits);
    putNumber(kind, name, name);
    attr(kind, "data-class", name);
    const off = Math.abs(value - x);
    const exact = Number.isNaN(x) || Object.is(value, x) || value === x;
    putNumber(note, exact ? "" : `${shown(x, 17)} is between two float32 numbers; the nearest is ${Number.isFinite(off) ? `off by ${shown(off, 3)}` : "infinite"}.`, exact ? "exact" : "rounded");
  };
  return { element, paint };
}
