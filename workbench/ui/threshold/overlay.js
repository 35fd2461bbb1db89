// What moves with the handle, drawn on a canvas over the plot: a frame of this costs about a millisecond, a relayout 7 to 37.

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
  const { colours } = plot;
  const counts = geometry.strips[0];
  if (plot.meta.kind === "own_range") return drawFloatRuler(plot, context, geometry, colours);
  context.save();
  context.beginPath();
  context.rect(geometry.left, counts.top, geometry.right - geometry.left, counts.height);
  context.clip();
  shadeBand(plot, context, geometry, counts, colours);
  drawBefore(plot, context, geometry, counts, colours);
  if (!plot.live) return context.restore();
  shadeSaturated(plot, context, geometry, shown, counts, colours);
  if (plot.meta.one_by_one) drawValues(plot, context, above, geometry, shown, counts, colours);
  else if (showsCodes(plot)) drawCodes(plot, context, geometry, shown, counts, colours);
  else drawQuantized(plot, context, geometry, shown, counts, colours);
  context.restore();
  drawRuler(plot, context, above, geometry, shown, counts, colours);
  if (plot.meta.kind !== "handles") return;
  drawMirror(plot, context, geometry, colours);
  drawOutput(plot, context, geometry, colours);
  drawStems(plot, context, geometry, colours);
  drawVeil(plot, context, geometry, colours);
  drawDots(plot, above, geometry, shown, colours);
  drawLens(plot, above, geometry, shown, colours);
}

// Beyond the end levels, which are the format's own: a full-range integer reaches one step further down than -T, a scale
// that goes in steps ends further out than T, a codebook may be lopsided.
function shadeSaturated(plot, context, geometry, shown, strip, colours) {
  const { live, meta } = plot;
  context.fillStyle = colours.clippingFill;
  const own = !live.tableOnly || (!meta.groups && shown.q.scale > 0 && live.format.rule !== "unknown");
  const high = geometry.toPixel(own ? shown.q.high : plot.high);
  const low = geometry.toPixel(own ? shown.q.low : plot.low);
  const below = meta.one_sided || meta.limits.low === 0 ? own && meta.data.low < shown.q.low : true;
  if (high < geometry.right) context.fillRect(high, strip.top, geometry.right - high, strip.height);
  if (low > geometry.left && below) context.fillRect(geometry.left, strip.top, low - geometry.left, strip.height);
}

// What becomes 0 before anything else: magnitude pruning.
function shadeBand(plot, context, geometry, strip, colours) {
  const band = plot.meta.zero_band;
  if (!(band > 0) || plot.meta.groups) return;
  const from = clamp(geometry.toPixel(-band), geometry.left, geometry.right);
  const to = clamp(geometry.toPixel(band), geometry.left, geometry.right);
  context.fillStyle = colours.faint;
  context.globalAlpha = 0.22;
  context.fillRect(from, strip.top, Math.max(to - from, 1), strip.height);
  context.globalAlpha = 1;
}

// The levels as cells: each level's count in counts per bin of the float line, spread over its cell. What piles up on one
// value, exact zeros and all that saturates, counts in full, as it does in the float line.
function drawCells(plot, context, geometry, { n, edge, counts, zero, n_zeros, below, above }, strip, colour) {
  const { binWidth } = plot;
  const floor = strip.bottom;
  context.strokeStyle = colour;
  context.lineWidth = 1.4;
  context.beginPath();
  context.moveTo(geometry.toPixel(edge(0)), floor);
  for (let i = 0; i < n; ) {
    const from = edge(i);
    const x0 = geometry.toPixel(from);
    let j = i + 1;
    let sum = counts[i];
    const single = (k) => k === 0 || k === n - 1 || k === zero;
    while (j < n && !single(i) && !single(j) && geometry.toPixel(edge(j)) - x0 < LEAST_STEP) sum += counts[j++];
    const to = edge(j);
    const piled = (i === 0 ? below : 0) + (j === n ? above : 0) + (i <= zero && zero < j ? n_zeros : 0);
    const width = geometry.toPlace(to) - geometry.toPlace(from);
    const height = (Math.max(0, sum - piled) * binWidth) / (Math.max(width, 0) || binWidth) + piled;
    const y = height > 0.5 || !strip.log ? Math.min(strip.toPixel(Math.max(height, strip.log ? 0.5 : 0)), floor) : floor;
    context.lineTo(x0, y);
    context.lineTo(geometry.toPixel(to), y);
    i = j;
  }
  context.lineTo(geometry.toPixel(edge(n)), floor);
  context.stroke();
}

function drawQuantized(plot, context, geometry, shown, strip, colours) {
  const cells = presentCells(plot, shown);
  if (cells) drawCells(plot, context, geometry, cells, strip, colours.quantized);
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

// From each method's mark down through the error strip; that of the network's output goes on to its own strip.
function drawStems(plot, context, geometry, colours) {
  const strip = geometry.strips[1];
  if (!strip) return;
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.setLineDash([1, 3]);
  context.beginPath();
  for (const { x, y, ofOutput } of plot.stems || []) {
    context.moveTo(Math.round(x) + 0.5, y);
    context.lineTo(Math.round(x) + 0.5, ofOutput && geometry.strips[3] ? geometry.strips[3].bottom : strip.bottom);
  }
  context.stroke();
  context.setLineDash([]);
}

// While one of two handles moves, the curves of the other one are those of before: they step back.
function drawVeil(plot, context, geometry, colours) {
  if (plot.meta.symmetric || !plot.changed || plot.changed === "both") return;
  const zero = clamp(geometry.toPixel(0), geometry.left, geometry.right);
  context.fillStyle = colours.veil;
  for (const strip of geometry.strips.slice(1, 3)) {
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
    const output = outputStrip(plot, geometry);
    if (output) pairs.push([output, predictedNow(plot), colours.quantized]);
    for (const [strip, figure, colour] of pairs) {
      if (!strip || figure === null || !(figure > 0 || !strip.log) || !Number.isFinite(figure)) continue;
      const y = strip.toPixel(figure);
      if (y < strip.top - 1 || y > strip.bottom + 1) continue;
      dot(context, x, y, 4.5, colours.paper, colour);
      dot(context, x, y, 3, colour, colour);
    }
  }
}
