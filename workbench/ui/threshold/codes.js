// How often each code is used: bars at their levels in place of the quantized line, on a scale of their own.

const TALLEST = 0.9; // of the strip
const WIDEST = 16; // px of a bar

function canShowCodes(plot) {
  return Boolean(plot.live && plot.shown && plot.shown.counts && plot.shown.counts.length && !plot.meta.one_by_one);
}

function showsCodes(plot) {
  return plot.model.get("show_codes") && canShowCodes(plot);
}

function drawCodes(plot, context, geometry, shown, strip, colours) {
  const { counts, q } = shown;
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const height = (count) => TALLEST * strip.height * (strip.log ? Math.log(2 * count) / Math.log(2 * most) : count / most); // from half a value on
  const pixels = Array.from(counts, (_, i) => geometry.toPixel(levelOf(plot.live, q, i)));
  const gap = (i) => (i > 0 && i < pixels.length ? pixels[i] - pixels[i - 1] : Infinity);
  context.fillStyle = colours.quantized;
  context.globalAlpha = 0.85;
  context.beginPath();
  for (let i = 0; i < counts.length; i++) {
    if (!(counts[i] > 0.5)) continue;
    const width = clamp(0.75 * Math.min(gap(i), gap(i + 1)), 1, WIDEST);
    const tall = Math.max(height(counts[i]), 1);
    context.rect(pixels[i] - width / 2, strip.bottom - tall, width, tall);
  }
  context.fill();
  context.globalAlpha = 1;
}

// "61 of 256 codes are used, the commonest for 1,234 values." as pieces of the sentence.
function codesWords(plot) {
  if (!showsCodes(plot)) return [];
  const { counts, metrics } = plot.shown;
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  return [[" ", false], [counted(metrics.levels_used), true], [` of ${counted(codesInAll(plot))} codes are used, the commonest for `, false], [counted(most), true], [" values.", false]];
}

// Codes of all channels, as each has its own; null where there are no codes.
function codesInAll({ meta }) {
  return meta.format && meta.format.n_levels ? meta.format.n_levels * (meta.groups ? meta.groups.n : 1) : null;
}
