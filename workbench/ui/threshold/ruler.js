// The levels as ticks under the axis. Where they are closer than 2 px, some are left out and the rest drawn shorter: a
// dense part of the ruler is a faint row of short ticks, a sparse one stands out.

const RULER = 7; // px, height of a level's tick
const LEAST_GAP = 2; // px between levels that are drawn one by one

function drawRuler(plot, context, above, geometry, shown, strip, colours) {
  const { live, meta } = plot;
  if (live.tableOnly && (meta.groups || !live.arrays.ruler)) return; // channels that each have levels of their own
  const few = meta.one_by_one && live.format.n_levels <= 32;
  if (few) return writeCodes(plot, above, geometry, shown.q, strip.bottom + 12, colours);
  drawTicks(context, ticksOf(plot, geometry, shown.q), strip.bottom + 2, colours);
}

// [px, crowded] of every tick that is drawn, from left to right.
function ticksOf(plot, geometry, q) {
  const { live } = plot;
  if (live.tableOnly) return thinned(Array.from(live.arrays.ruler, (level) => geometry.toPixel(level * q.scale)), geometry);
  if (live.format.fine) return jumped(plot, geometry, q);
  if (live.format.uniform && !geometry.warped) return everyFew(geometry, q);
  return thinned(Array.from(q.levels, (level) => geometry.toPixel(level)), geometry);
}

// Levels at equal distances: every second, fourth ... where they are too close, 0 always among them.
function everyFew(geometry, q) {
  let every = 1;
  const gap = geometry.toPixel(q.scale) - geometry.toPixel(0) || 1;
  while (every * gap < LEAST_GAP) every *= 2;
  const ticks = [];
  for (let i = ((-q.first % every) + every) % every; i < q.levels.length; i += every) {
    const px = geometry.toPixel(q.levels[i]);
    if (px >= geometry.left - 0.5 && px <= geometry.right + 0.5) ticks.push([px, every > 1]);
  }
  return ticks;
}

function thinned(pixels, geometry) {
  const ticks = [];
  for (let i = 0; i < pixels.length; i++) {
    const px = pixels[i];
    if (px < geometry.left - 0.5 || px > geometry.right + 0.5) continue;
    if (ticks.length && px - ticks[ticks.length - 1][0] < LEAST_GAP - 0.01) ticks[ticks.length - 1][1] = true;
    else ticks.push([px, i > 0 && px - pixels[i - 1] < LEAST_GAP - 0.01]);
  }
  return ticks;
}

// Thousands of levels: from each tick straight to the first level 2 px further on.
function jumped(plot, geometry, q) {
  const { live } = plot;
  const at = (value) => codeOf(live, q, clamp(value, q.low, q.high));
  const start = clamp(geometry.toPixel(q.low), geometry.left, geometry.right);
  const ticks = [];
  let index = at(geometry.toValue(start));
  let px = geometry.toPixel(levelOf(live, q, index));
  while (index < live.format.n_levels && px <= geometry.right + 0.5) {
    const next = Math.max(index + 1, at(geometry.toValue(px + LEAST_GAP)));
    if (px >= geometry.left - 0.5) ticks.push([px, next > index + 1]);
    if (next >= live.format.n_levels) break;
    index = next;
    px = geometry.toPixel(levelOf(live, q, index));
  }
  return ticks;
}

// The levels of a floating-point format under an axis of magnitudes: 2^mantissa_bits an octave, evenly spread; below the
// smallest normal number their distances stay.
function drawFloatRuler(plot, context, geometry, colours) {
  const { mantissa_bits: bits, least_exponent: least, largest } = plot.meta.format;
  const ticks = [];
  let px = geometry.left;
  while (px <= geometry.right) {
    const value = geometry.toValue(px);
    const ulp = 2 ** (Math.max(Math.floor(Math.log2(value)), least) - bits);
    const level = Math.ceil(value / ulp - 1e-9) * ulp;
    if (level > largest) break;
    const at = geometry.toPixel(level);
    if (at > geometry.right) break;
    ticks.push([at, geometry.toPixel(level + ulp) - at < LEAST_GAP]);
    px = at + LEAST_GAP;
  }
  drawTicks(context, ticks, geometry.strips[0].bottom + 2, colours);
}

function drawTicks(context, ticks, y, colours) {
  context.strokeStyle = colours.quantized;
  context.lineWidth = 1;
  for (const crowded of [true, false]) {
    context.globalAlpha = crowded ? 0.55 : 0.95;
    context.beginPath();
    for (const [px, tight] of ticks) {
      if (tight !== crowded) continue;
      context.moveTo(px, y);
      context.lineTo(px, y + (crowded ? RULER - 3 : RULER));
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}

// The codes under their levels, as many as fit.
function writeCodes(plot, context, geometry, q, y, colours) {
  const { live } = plot;
  context.fillStyle = colours.quantizedText;
  context.font = `10px ${plot.fontFamily}`;
  context.textAlign = "center";
  let last = -Infinity;
  for (let i = 0; i < live.format.n_levels; i++) {
    const code = codeName(live, q, i);
    const px = geometry.toPixel(levelOf(live, q, i));
    const half = (code.length * 5.6) / 2 + 2;
    if (px < geometry.left - 4 || px > geometry.right + 4 || px - half < last) continue;
    writeClear(context, code, px, y, colours);
    last = px + half;
  }
}
