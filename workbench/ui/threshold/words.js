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

// A threshold: digits for one step of a key (1/1024 of the largest magnitude), the same wherever the handle is; on a
// logarithmic axis three digits, as its steps are ratios.
function position(x, absmax, logarithmic = false) {
  if (logarithmic) return readable(x);
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
  return change >= 0.95 ? `${Number((change + 1).toPrecision(2))} times ${word}` : `${percent(change)} % ${word}`;
}

// The live sentence as pieces [text, is it a figure].
function sentenceOf(meta, live, shown) {
  if (meta.kind === "float") return floatSentence(meta, shown);
  if (meta.kind === "own_range") return ownRangeSentence(meta);
  if (meta.kind === "levels") return levelsSentence(meta, live, shown);
  const metrics = shown.metrics;
  const cut = Math.round(metrics.saturated_fraction * meta.n);
  const where = meta.groups && meta.groups.n > 1 ? ` in ${counted(meta.groups.n)} ${meta.groups.name}s` : "";
  const change = stepChange(meta, live, shown, cut);
  const rest = [...worstWords(meta, live, shown), ...prunedWords(meta, shown)];
  if (!change && cut > 0) return [["This is min–max; ", false], [counted(cut), true], [` of ${counted(meta.n)} values${where} lie just outside${endWords(live)}. `, false], ...rest];
  if (!change) return [["Nothing is cut off: this is min–max. Drag the line to trade range for finer steps.", false], ...rest];
  const begin = cut > 0 ? [["You cut off ", false], [counted(cut), true], [` of ${counted(meta.n)} values${where}; `, false]] : [["Nothing is cut off; ", false]];
  return [...begin, ...change, [". ", false], ...errorWords(meta, metrics, cut), ...rest];
}

// What a threshold does to the steps, against min-max; null where nothing.
function stepChange(meta, live, shown, cut) {
  const { format } = live;
  if (meta.groups && format.stepped) {
    if (Math.abs(meta.whole.high - shown.ratio) < 5e-4) return null;
    return [[`each ${meta.groups.name}'s scale goes in steps of its own`, false]];
  }
  const whole = quantizerFor(live, meta.whole.low, meta.whole.high);
  if (format.rule === "sixteenth_octave") {
    const words = stepWords(whole.high / shown.q.high).replace("finer", "lower").replace("coarser", "higher");
    return words ? [["all levels are ", false], [words, true], [" than with min–max, their ratios stay", false]] : null;
  }
  const finer = stepWords(whole.scale / shown.q.scale);
  if (!finer) return null;
  return cut > 0 ? [["every step of the rest is ", false], [finer, true]] : [["every step is ", false], [finer, true], [" than with min–max", false]];
}

function endWords(live) {
  if (live.format.rule === "affine") return ", as its zero point is rounded";
  return live.format.stepped ? ", as its scale goes in steps" : "";
}

function levelsSentence(meta, live, shown) {
  const { n_levels, bits } = live.format;
  const used = shown.metrics.levels_used;
  const pieces = [[`${capital(meta.words)}: `, false], [counted(n_levels), true], [` levels, codes of ${bits} bit${bits > 1 ? "s" : ""}. `, false]];
  if (used !== null && used < n_levels) pieces.push(["Only ", false], [counted(used), true], [" of them are used. ", false]);
  return pieces.concat(prunedWords(meta, shown));
}

function floatSentence(meta, shown) {
  const { mse, zeroed_fraction: zeroed } = shown.metrics;
  if (!(meta.zero_band > 0) || mse === undefined || !meta.words.endsWith(" become 0")) return [[`${capital(meta.words)}.`, false], ...prunedWords(meta, shown)];
  return [[`${capital(meta.words)}: `, false], [`${percent(zeroed)} %`, true], [" of the values.", false]];
}

function prunedWords(meta, shown) {
  const { mse, zeroed_fraction: zeroed } = shown.metrics;
  if (!(meta.zero_band > 0) || mse === undefined) return [];
  return [[` Pruned up to ${readable(meta.zero_band)}: `, false], [`${percent(zeroed)} %`, true], [" become 0.", false]];
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
  if (!meta.reference || !(meta.reference.mse > 0) || !Number.isFinite(meta.reference.mse)) return [];
  if (metrics.mse === Infinity) return [["Values that overflow make the error infinite.", false]];
  const ratio = metrics.mse / meta.reference.mse;
  if (Math.abs(ratio - 1) < 5e-4) return [["Error is that of min–max.", false]];
  if (ratio < 1) return [["Error fell ", false], [`${percent(1 - ratio)} %`, true], [" against min–max.", false]];
  const fold = ratio >= 1e6 ? readable(ratio, 2) : ratio >= 10 ? counted(ratio) : ratio.toFixed(1);
  const more = ratio >= 3 ? `${fold}-fold` : `${percent(ratio - 1)} %`;
  const why = cut > 0 && metrics.clipping_mse > metrics.rounding_mse ? ", mostly by clipping" : "";
  return [["Error rose ", false], [more, true], [` against min–max${why}.`, false]];
}

function ownRangeSentence(meta) {
  const count = Object.fromEntries(meta.bands.map((band) => [band.name, Math.round(band.count)]));
  const pieces = [[`${meta.format.title}: ${meta.words}. `, false]];
  const lost = count["flushed to zero"];
  if (count.overflow > 0) pieces.push([counted(count.overflow), true], [` of ${counted(meta.n)} values overflow to infinity`, false]);
  else if (count.saturated > 0) pieces.push([counted(count.saturated), true], [` of ${counted(meta.n)} values saturate`, false]);
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

// Pieces into an element, as text only; into the nodes that are there where they are of the same kinds.
function writePieces(element, pieces) {
  const key = pieces.map((piece) => piece[0]).join("\u0000");
  if (element.__written === key) return;
  element.__written = key;
  const parts = element.childNodes;
  if (parts.length === pieces.length && pieces.every(([, strong], i) => strong === (parts[i].nodeName === "B"))) return pieces.forEach(([text], i) => writeText(parts[i].firstChild ?? parts[i], text));
  element.replaceChildren(
    ...pieces.map(([text, strong]) => {
      if (!strong) return document.createTextNode(text);
      const b = document.createElement("b");
      b.textContent = text;
      return b;
    }),
  );
}
