// A live number: an element whose raw value stands in data-value, named by data-metric.
function putNumber(element, text, raw) {
  put(element, text);
  attr(element, "data-value", raw === null || raw === undefined ? "" : raw);
}

const FIELD_WORDS = {
  sign: "sign",
  exponent: "exponent",
  mantissa: "mantissa",
  integer: "whole part",
  fraction: "fraction",
  code: "integer code",
  index: "place in the list of levels",
  shared: "exponent shared by the block",
};

// The fields of a code as coloured pieces; built anew only where the widths change.
function putFields(element, fields) {
  const key = fields.map(([name, bits]) => `${name}${bits.length}`).join();
  if (element.dataset.fields !== key) {
    element.dataset.fields = key;
    element.replaceChildren(
      ...fields.map(([name]) => h("span", { class: `wb-field-bits wb-bits-${name}`, data: { field: name } })),
    );
  }
  fields.forEach(([name, bits], i) => {
    const piece = element.children[i];
    put(piece, bits);
    attr(piece, "title", `${FIELD_WORDS[name]}: ${bits} = ${parseInt(bits, 2)}`);
  });
  attr(element, "data-value", fields.map(([, bits]) => bits).join(""));
  attr(element, "aria-label", fields.length ? fields.map(([name, bits]) => `${FIELD_WORDS[name]} ${bits}`).join(", ") : "no code");
}
