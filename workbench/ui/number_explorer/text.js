// Numbers as text: what a person may type, and how numbers are written out.

const view32 = new DataView(new ArrayBuffer(4));

function bitsOf(x) {
  view32.setFloat32(0, x);
  return view32.getUint32(0);
}

function floatOf(bits) {
  view32.setUint32(0, bits >>> 0);
  return view32.getFloat32(0);
}

// Python writes inf, nan and -0.0; null stays null.
function read(text) {
  if (text === null || text === undefined) return null;
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  return Number(text);
}

// Text that Python's float() reads back to the same number.
const written = (x) => (Object.is(x, -0) ? "-0.0" : String(x));

const TOKENS = /\s*(0x[0-9a-f]*\.?[0-9a-f]*p[+-]?\d+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|pi|inf(?:inity)?|nan|\*\*|[-+*/^()])/y;

function hexFloat(token) {
  const [, whole, fraction = "", power] = /^0x([0-9a-f]*)\.?([0-9a-f]*)p([+-]?\d+)$/.exec(token);
  if (whole + fraction === "") return undefined;
  return (parseInt(whole + fraction, 16) / 16 ** fraction.length) * 2 ** Number(power);
}

function atomOf(token) {
  if (token === "pi") return Math.PI;
  if (token === "nan") return NaN;
  if (token.startsWith("inf")) return Infinity;
  if (token.startsWith("0x")) return hexFloat(token);
  return /^[\d.]/.test(token) ? Number(token) : undefined;
}

// Products, quotients, sums and powers of numbers; undefined for anything else.
function evaluated(text) {
  const tokens = [];
  TOKENS.lastIndex = 0;
  let at = 0;
  while (at < text.length) {
    const match = TOKENS.exec(text);
    if (!match) return undefined;
    tokens.push(match[1]);
    at = TOKENS.lastIndex;
  }
  let i = 0;
  const power = () => {
    if (tokens[i] === "-" || tokens[i] === "+") return tokens[i++] === "-" ? -power() : power();
    let base;
    if (tokens[i] === "(") {
      i += 1;
      base = sum();
      if (tokens[i++] !== ")") return undefined;
    } else base = tokens[i] === undefined ? undefined : atomOf(tokens[i++]);
    if (tokens[i] !== "^" && tokens[i] !== "**") return base;
    i += 1;
    return base ** power();
  };
  const product = () => {
    let x = power();
    while (tokens[i] === "*" || tokens[i] === "/") x = tokens[i++] === "*" ? x * power() : x / power();
    return x;
  };
  const sum = () => {
    let x = product();
    while (tokens[i] === "+" || tokens[i] === "-") x = tokens[i++] === "+" ? x + product() : x - product();
    return x;
  };
  const spoiled = /^[*/^)]|[-+*/^(]$|[*/^(][*/]|\(\)/.test(tokens.join("").replaceAll("**", "^"));
  const x = spoiled ? undefined : sum();
  return i === tokens.length ? x : undefined;
}

// {x, bits} of what was typed, or null. 0b and 0x without a p are the bits of a float32.
function parsed(typed) {
  const text = typed.trim().toLowerCase().replaceAll("_", "").replaceAll("\u2212", "-").replaceAll("π", "pi").replaceAll("∞", "inf");
  const pattern = /^0b([01]{1,32})$/.exec(text) ?? /^0x([0-9a-f]{1,8})$/.exec(text);
  if (pattern) {
    const bits = parseInt(pattern[1], text[1] === "b" ? 2 : 16);
    return { x: floatOf(bits), bits };
  }
  const x = text === "" ? undefined : evaluated(text);
  return x === undefined ? null : { x, bits: bitsOf(x) };
}

// The shortest text that is this float32 again.
function shortest(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  if (Object.is(x, -0)) return "-0.0";
  for (let digits = 1; digits < 10; digits += 1) {
    const near = Number(x.toPrecision(digits));
    if (Math.fround(near) === Math.fround(x)) return String(near);
  }
  return String(x);
}

const MINUS_SIGN = "\u2212";
const pretty = (text) => text.replaceAll("-", MINUS_SIGN).replace("e+", "e");

function shown(x, digits = 7) {
  if (x === null) return "–";
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : `${MINUS_SIGN}∞`;
  if (Object.is(x, -0)) return `${MINUS_SIGN}0`;
  const short = Number(x.toPrecision(digits));
  return pretty(Math.abs(short) < 1e-3 && short !== 0 ? short.toExponential() : String(short));
}

function shownShare(x) {
  if (x === null) return "–";
  if (x === 0) return "exact";
  if (!Number.isFinite(x)) return "∞";
  const share = 100 * x;
  return `${pretty(share >= 1e5 || share < 1e-3 ? share.toExponential(1) : String(Number(share.toPrecision(3))))} %`;
}

// Text with ^{...} as raised parts.
function formulaParts(text) {
  return text.split(/(\^\{[^}]*\})/).filter(Boolean).map((part) =>
    part.startsWith("^{") ? h("sup", { text: pretty(part.slice(2, -1)) }) : document.createTextNode(pretty(part)),
  );
}

function putFormula(element, text) {
  if (element.dataset.formula === text) return;
  element.dataset.formula = text;
  element.replaceChildren(...formulaParts(text));
}
