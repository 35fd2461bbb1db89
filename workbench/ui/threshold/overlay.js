// What moves with the handle, drawn on a canvas over the plot: a frame of this costs about a millisecond, a relayout 7 to 37.

const RULER = 7; // px, height of a level's tick
const LEAST_GAP = 2; // px between levels that are drawn one by one
const LEAST_STEP = 4; // px, width of a step of the quantized line

function fitCanvas(canvas, geometry) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(geometry.width * ratio), Math.round(geometry.height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.width = `${geometry.width}px`;
    canvas.style.height = `${geometry.height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, geometry.width, geometry.height);
  return context;
}

function drawOverlay(plot, geometry, shown) {
  const context = fitCanvas(plot.view.canvas, geometry);
  const above = fitCanvas(plot.view.dots, geometry);
  if (plot.meta.kind !== "handles") return;
  const { colours } = plot;
  const counts = geometry.strips[0];
  context.save();
  context.beginPath();
  context.rect(geometry.left, counts.top, geometry.right - geometry.left, counts.height);
  context.clip();
  shadeSaturated(plot, context, geometry, shown, counts, colours);
  if (plot.meta.one_by_one) drawValues(plot, context, above, geometry, shown, counts, colours);
  else drawQuantized(plot, context, geometry, shown, counts, colours);
  context.restore();
  drawRuler(plot, context, above, geometry, shown, counts, colours);
  drawMirror(plot, context, geometry, colours);
  drawStems(plot, context, geometry, colours);
  drawVeil(plot, context, geometry, colours);
  drawDots(plot, above, geometry, shown, colours);
}

// Beyond the end levels; a mirrored range of full-range codes reaches one step further down than -T.
function shadeSaturated(plot, context, geometry, shown, strip, colours) {
  const { live, meta } = plot;
  context.fillStyle = colours.clippingFill;
  const high = geometry.toPixel(live.tableOnly ? plot.high : shown.q.high);
  const low = geometry.toPixel(live.tableOnly ? plot.low : shown.q.low);
  if (high < geometry.right) context.fillRect(high, strip.top, geometry.right - high, strip.height);
  if (low > geometry.left && !meta.one_sided && meta.limits.low < 0) context.fillRect(geometry.left, strip.top, low - geometry.left, strip.height);
}

// The levels as cells: each level's count in counts per bin of the float line, spread over its cell. What piles up on one
// value, exact zeros and all that saturates, counts in full, as it does in the float line.
function drawQuantized(plot, context, geometry, shown, strip, colours) {
  const counts = shown.counts;
  if (!counts || !counts.length) return;
  const { live } = plot;
  const q = shown.q;
  const pixel = geometry.toPixel(1) - geometry.toPixel(0);
  const binWidth = plot.binWidth;
  const floor = strip.bottom;
  const n = counts.length;
  const zero = live.format.family === "integer" ? -q.first : search(live.arrays.unit_level, 0, false);
  context.strokeStyle = colours.quantized;
  context.lineWidth = 1.4;
  context.beginPath();
  const edge = (i) => (i <= 0 ? q.low : i >= n ? q.high : boundaryOf(live, q, i - 1));
  let started = false;
  for (let i = 0; i < n; ) {
    const from = edge(i);
    let j = i + 1;
    let sum = counts[i];
    const single = (k) => k === 0 || k === n - 1 || k === zero;
    while (j < n && !single(i) && !single(j) && (edge(j) - from) * pixel < LEAST_STEP) sum += counts[j++];
    const to = edge(j);
    const piled = (i === 0 ? shown.below : 0) + (j === n ? shown.above : 0) + (i <= zero && zero < j ? live.meta.n_zeros : 0);
    const height = (Math.max(0, sum - piled) * binWidth) / (to - from || binWidth) + piled;
    const y = height > 0.5 || !strip.log ? Math.min(strip.toPixel(Math.max(height, strip.log ? 0.5 : 0)), floor) : floor;
    const [x0, x1] = [geometry.toPixel(from), geometry.toPixel(to)];
    if (!started) context.moveTo(x0, floor);
    context.lineTo(x0, y);
    context.lineTo(x1, y);
    started = true;
    i = j;
  }
  context.lineTo(geometry.toPixel(edge(n)), floor);
  context.stroke();
}

// Ten numbers and the levels they go to: a dot for each value, a line down to its level.
function drawValues(plot, context, above, geometry, shown, strip, colours) {
  const { live } = plot;
  const all = valuesOf(live);
  const crowded = all.length > 40;
  const radius = crowded ? 3 : 4.5;
  const shelf = strip.top + Math.max(52, strip.height * 0.34);
  const rail = strip.bottom - 22;
  const ends = [];
  for (const [x, times] of all) {
    const px = geometry.toPixel(x);
    const level = geometry.toPixel(levelOf(live, shown.q, codeOf(live, shown.q, x)));
    const beyond = x < shown.q.low || x > shown.q.high;
    const row = freeRow(ends, px, 2 * radius + 1);
    context.strokeStyle = beyond ? colours.clipping : colours.rounding;
    context.globalAlpha = crowded ? 0.5 : 0.9;
    context.lineWidth = 1.4;
    context.beginPath();
    context.moveTo(px, shelf);
    context.lineTo(level, rail);
    context.stroke();
    context.globalAlpha = 1;
    for (let k = 0; k < Math.min(times, 8); k++) dot(above, px, shelf - (row + k) * (2 * radius + 1), radius, colours.float, colours.paper);
    dot(above, level, rail, 3.2, colours.quantized, colours.paper);
  }
  if (all.length <= 16) writeValues(plot, above, geometry, all, shelf - 9, colours);
  context.strokeStyle = colours.quantized;
  context.lineWidth = 2;
  context.beginPath();
  for (let i = 0; i < live.format.n_levels && live.format.n_levels <= 256; i++) {
    const px = geometry.toPixel(levelOf(live, shown.q, i));
    context.moveTo(px, rail + 5);
    context.lineTo(px, strip.bottom);
  }
  context.stroke();
}

// [value, how often] in ascending order, zeros among them.
function valuesOf(live) {
  const { value, count } = live.arrays;
  const all = Array.from(value, (x, i) => [x, count[i]]);
  if (live.meta.n_zeros) all.push([0, live.meta.n_zeros]);
  return all.sort((a, b) => a[0] - b[0]);
}

// The first row that ends left of x; `ends` keeps where each row ends.
function freeRow(ends, x, width) {
  let row = 0;
  while (ends[row] !== undefined && x - ends[row] < width) row++;
  ends[row] = x;
  return row;
}

// The numbers over their dots, a row higher where two would overlap.
function writeValues(plot, context, geometry, all, y, colours) {
  context.font = `11px ${plot.fontFamily}`;
  context.textAlign = "center";
  context.fillStyle = colours.ink;
  const rows = [];
  for (const [x] of all) {
    const text = String(Number(x.toPrecision(3))).replace("-", MINUS);
    const row = freeRow(rows, geometry.toPixel(x), text.length * 6.4 + 4);
    if (row < 3) writeClear(context, text, geometry.toPixel(x), y - row * 13, colours);
  }
}

// Text on a halo, legible over a line.
function writeClear(context, text, x, y, colours) {
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = colours.paper;
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

function dot(context, x, y, radius, fill, ring) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = ring;
  context.stroke();
}

// The levels as ticks under the axis; closer than 2 px, every second, fourth ... is drawn, shorter.
function drawRuler(plot, context, above, geometry, shown, strip, colours) {
  const { live } = plot;
  if (live.tableOnly) return; // affine channels: each has levels of its own
  if (plot.meta.one_by_one && live.format.n_levels <= 32) return writeCodes(plot, above, geometry, shown.q, strip.bottom + 12, colours);
  const { format } = live;
  const q = shown.q;
  const y = strip.bottom + 2;
  let every = 1;
  if (format.family === "integer") {
    const gap = (geometry.toPixel(q.scale) - geometry.toPixel(0)) || 1;
    while (every * gap < LEAST_GAP) every *= 2;
  }
  context.strokeStyle = colours.quantized;
  context.fillStyle = colours.quantized;
  context.globalAlpha = every > 1 ? 0.55 : 0.95;
  context.lineWidth = 1;
  context.beginPath();
  let last = -Infinity;
  const start = format.family === "integer" ? ((-q.first % every) + every) % every : 0; // 0 is always drawn
  for (let i = start; i < format.n_levels; i += every) {
    const px = geometry.toPixel(levelOf(live, q, i));
    if (px < geometry.left - 0.5 || px > geometry.right + 0.5 || px - last < LEAST_GAP - 0.01) continue;
    context.moveTo(px, y);
    context.lineTo(px, y + (every > 1 ? RULER - 3 : RULER));
    last = px;
  }
  context.stroke();
  context.globalAlpha = 1;
}

// The codes under their levels, as many as fit.
function writeCodes(plot, context, geometry, q, y, colours) {
  const { live } = plot;
  context.fillStyle = colours.quantizedText;
  const gap = geometry.toPixel(levelOf(live, q, 1)) - geometry.toPixel(levelOf(live, q, 0));
  const every = Math.max(1, Math.ceil(17 / Math.max(gap, 0.1)));
  context.font = `10px ${plot.fontFamily}`;
  context.textAlign = "center";
  for (let i = 0; i < live.format.n_levels; i += every) {
    const code = live.format.family === "integer" ? live.format.qmin + i : readable(live.arrays.unit_level[i], 2);
    const px = geometry.toPixel(levelOf(live, q, i));
    if (px > geometry.left - 4 && px < geometry.right + 4) writeClear(context, String(code).replace("-", MINUS), px, y, colours);
  }
}

// Where the mirrored bound is, faintly.
function drawMirror(plot, context, geometry, colours) {
  if (!plot.meta.symmetric || plot.meta.one_sided) return;
  const px = geometry.toPixel(plot.low);
  if (px < geometry.left || px > geometry.right) return;
  context.strokeStyle = colours.ink;
  context.globalAlpha = 0.35;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(px, geometry.strips[0].top);
  context.lineTo(px, geometry.strips[0].bottom);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

// From each method's mark down through the error strip.
function drawStems(plot, context, geometry, colours) {
  const strip = geometry.strips[1];
  if (!strip) return;
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.setLineDash([1, 3]);
  context.beginPath();
  for (const { x, y } of plot.stems || []) {
    context.moveTo(Math.round(x) + 0.5, y);
    context.lineTo(Math.round(x) + 0.5, strip.bottom);
  }
  context.stroke();
  context.setLineDash([]);
}

// While one of two handles moves, the curves of the other one are those of before: they step back.
function drawVeil(plot, context, geometry, colours) {
  if (plot.meta.symmetric || !plot.changed || plot.changed === "both") return;
  const zero = clamp(geometry.toPixel(0), geometry.left, geometry.right);
  context.fillStyle = colours.veil;
  for (const strip of geometry.strips.slice(1)) {
    if (!strip) continue;
    if (plot.changed === "high") context.fillRect(geometry.left, strip.top, zero - geometry.left, strip.height + 1);
    else context.fillRect(zero, strip.top, geometry.right - zero, strip.height + 1);
  }
}

// The present figures on their curves.
function drawDots(plot, context, geometry, shown, colours) {
  const { mse, kl } = shown.metrics;
  for (const bound of plot.meta.symmetric ? ["high"] : ["high", "low"]) {
    if (plot.meta.limits[bound] === 0) continue;
    const x = geometry.toPixel(plot[bound]);
    if (x < geometry.left - 1 || x > geometry.right + 1) continue;
    const pairs = [[geometry.strips[1], mse, colours.ink], [geometry.strips[2], kl, colours.divergence]];
    for (const [strip, figure, colour] of pairs) {
      if (!strip || !(figure > 0) || !Number.isFinite(figure)) continue;
      const y = strip.toPixel(figure);
      if (y < strip.top - 1 || y > strip.bottom + 1) continue;
      dot(context, x, y, 4.5, colours.paper, colour);
      dot(context, x, y, 3, colour, colour);
    }
  }
}
