// Numbers and sentences as a person reads them.

const MINUS = "\u2212";

// Significant digits, a true minus, powers of ten only for the very small and the very large.
function readable(x, digits = 3) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (x === Infinity) return "∞";
  if (x === -Infinity) return MINUS + "∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e6 || size < 1e-3 ? x.toExponential(digits - 1).replace("e+", "e") : trimmed(x, digits);
  return text.replaceAll("-", MINUS);
}

function trimmed(x, digits) {
  const whole = Math.floor(Math.log10(Math.abs(x))) + 1;
  return x.toFixed(Math.max(0, digits - whole));
}

function counted(n) {
  return Math.round(n).toLocaleString("en-US");
}

// A threshold: digits for one step of a key (1/1024 of the largest magnitude), the same wherever the handle is.
function position(x, absmax) {
  const decimals = Math.round(-Math.log10(absmax / 1024));
  const text = decimals > 7 || absmax >= 1e6 ? x.toExponential(3).replace("e+", "e") : x.toFixed(clamp(decimals, 0, 7));
  return Number(text) === 0 ? text.replace("-", "") : text.replaceAll("-", MINUS);
}

function percent(share) {
  const p = 100 * share;
  return p >= 100 ? counted(p) : p >= 9.95 ? p.toFixed(0) : p >= 0.95 ? p.toFixed(1) : p.toPrecision(1);
}

// "59 % finer", "4.2 times finer", "12 % coarser", or "" where the step is the same.
function stepWords(ratio) {
  const change = ratio > 1 ? ratio - 1 : 1 / ratio - 1;
  if (change < 5e-4) return "";
  const word = ratio > 1 ? "finer" : "coarser";
  return change >= 2 ? `${(change + 1).toPrecision(2)} times ${word}` : `${percent(change)} % ${word}`;
}

// The live sentence as pieces [text, is it a figure].
function sentenceOf(meta, live, shown) {
  if (meta.kind === "float") return [[`${capital(meta.words)}.`, false]];
  if (meta.kind === "own_range") return ownRangeSentence(meta);
  const metrics = shown.metrics;
  const cut = Math.round(metrics.saturated_fraction * meta.n);
  const where = meta.groups && meta.groups.n > 1 ? ` in ${counted(meta.groups.n)} ${meta.groups.name}s` : "";
  const finer = stepWords(wholeStep(meta, live) / shown.q.scale);
  const pieces = [];
  if (cut > 0 && !finer) {
    pieces.push(["This is min–max; as its zero point is rounded, ", false], [counted(cut), true], [` of ${counted(meta.n)} values${where} lie just outside. `, false]);
    return pieces;
  }
  if (cut > 0) {
    pieces.push(["You cut off ", false], [counted(cut), true], [` of ${counted(meta.n)} values${where}`, false]);
    pieces.push(["; every step of the rest is ", false], [finer, true], [". ", false]);
  } else if (finer) {
    pieces.push(["Nothing is cut off; every step is ", false], [finer, true], [" than with min–max. ", false]);
  } else {
    pieces.push(["Nothing is cut off: this is min–max. Drag the line to trade range for finer steps.", false]);
    return pieces.concat(worstWords(meta, live, shown));
  }
  return pieces.concat(errorWords(meta, metrics, cut), worstWords(meta, live, shown));
}

// Of a few values: which one changed most.
function worstWords(meta, live, shown) {
  if (!meta.one_by_one || !live.exact) return [];
  let worst = [0, 0];
  for (const x of live.arrays.value) {
    const y = levelOf(live, shown.q, codeOf(live, shown.q, x));
    if (Math.abs(x - y) > Math.abs(worst[0] - worst[1])) worst = [x, y];
  }
  if (worst[0] === worst[1]) return [[" Every value is a level: nothing changes.", false]];
  return [[" Largest change: ", false], [`${readable(worst[0])} became ${readable(worst[1])}`, true], [".", false]];
}

function errorWords(meta, metrics, cut) {
  if (!meta.reference || !(meta.reference.mse > 0)) return [];
  const ratio = metrics.mse / meta.reference.mse;
  if (Math.abs(ratio - 1) < 5e-4) return [["Error is that of min–max.", false]];
  if (ratio < 1) return [["Error fell ", false], [`${percent(1 - ratio)} %`, true], [" against min–max.", false]];
  const fold = ratio >= 1e6 ? readable(ratio, 2) : ratio >= 10 ? counted(ratio) : ratio.toFixed(1);
  const more = ratio >= 3 ? `${fold}-fold` : `${percent(ratio - 1)} %`;
  const why = cut > 0 && metrics.clipping_mse > metrics.rounding_mse ? ", mostly by clipping" : "";
  return [["Error rose ", false], [more, true], [` against min–max${why}.`, false]];
}

// The step of the min-max range; tabulated formats: the scale.
function wholeStep(meta, live) {
  return quantizerFor(live, meta.whole.low, meta.whole.high).scale;
}

function ownRangeSentence(meta) {
  const count = Object.fromEntries(meta.bands.map((band) => [band.name, Math.round(band.count)]));
  const pieces = [[`${meta.format.title}: ${meta.words}. `, false]];
  const lost = count["flushed to zero"];
  if (count.overflow > 0) pieces.push([counted(count.overflow), true], [` of ${counted(meta.n)} values overflow to infinity`, false]);
  else pieces.push(["No value overflows", false]);
  if (lost > 0) pieces.push([", ", false], [counted(lost), true], [" are too small and become 0", false]);
  else pieces.push([", none is too small", false]);
  if (count.subnormal > 0) pieces.push([", ", false], [counted(count.subnormal), true], [" lose digits as subnormals", false]);
  pieces.push([".", false]);
  return pieces;
}

function capital(text) {
  return text.startsWith("float32") ? text : text.charAt(0).toUpperCase() + text.slice(1);
}

// Pieces into an element, as text only.
function writePieces(element, pieces) {
  const key = pieces.map((piece) => piece[0]).join("\u0000");
  if (element.__written === key) return;
  element.__written = key;
  element.replaceChildren(
    ...pieces.map(([text, strong]) => {
      if (!strong) return document.createTextNode(text);
      const b = document.createElement("b");
      b.textContent = text;
      return b;
    }),
  );
}
