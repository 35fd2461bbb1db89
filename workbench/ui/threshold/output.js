// The strip of the network's output: its SQNR against this tensor's range, measured point by point, on the axis of values.

const SPAN = 20; // dB below the best that are shown; the rest leaves the strip
const LEAST_SPAN = 3;
const TICK_ROOM = 13; // px from one number to the next

const hasOutput = (plot) => Boolean(plot.output && "done" in plot.output);

function buildOutput(stage) {
  const root = make("div", "wb-output", stage);
  const names = make("span", "wb-output-names", root);
  const view = { root, names, words: make("span", "wb-output-words", root) };
  view.line = make("span", "wb-output-line", names);
  view.own = make("span", "wb-output-own", names);
  return view;
}

function readOutput(plot) {
  plot.output = plot.model.get("output");
  const { now, before } = plot.output;
  const seen = [now, before].filter(Boolean).flatMap((curve) => curve.diagonal.db);
  const top = Math.max(...seen);
  plot.outputRange = seen.length ? [Math.min(Math.max(Math.min(...seen), top - SPAN), top - LEAST_SPAN) - 0.5, top + 1] : null;
  const own = (now || before)?.diagonal.own.filter((x) => x !== null) || [];
  plot.ownShift = own.length && own.length === (now || before).diagonal.at.length ? Math.max(...(now || before).diagonal.db) - Math.max(...own) : null;
}

// A new message about the same tensor: a point more. The marks stay where they are unless the best one is another.
function applyOutput(plot, actions) {
  const before = JSON.stringify(bestAtOutput(plot));
  readOutput(plot);
  if (!plot.meta) return;
  if (JSON.stringify(bestAtOutput(plot)) !== before) makeMarks(plot, actions.adopt);
}

const bestAtOutput = (plot) => (plot.output?.best && plot.meta.kind === "handles" ? [plot.output.best] : []);

// dB at the present range, from a curve that is of this moment; null where there is none yet.
function predictedNow(plot) {
  if (!plot.output?.ready || plot.meta.kind !== "handles") return null;
  return predictedAt(plot.output.now, plot.low, plot.high);
}

// The strip with its axis, null while nothing is to be drawn.
function outputStrip(plot, geometry) {
  const strip = geometry.strips[3];
  if (!strip || !plot.outputRange) return null;
  const [low, high] = plot.outputRange;
  return { ...strip, toPixel: (db) => strip.bottom - ((db - low) / (high - low)) * strip.height };
}

function drawOutput(plot, context, geometry, colours) {
  const strip = outputStrip(plot, geometry);
  if (!strip) return;
  drawOutputAxis(plot, context, geometry, strip, colours);
  context.save();
  context.beginPath();
  context.rect(geometry.left, strip.top, geometry.right - geometry.left, strip.height);
  context.clip();
  const { now, before } = plot.output;
  if (before) drawCurve(plot, context, geometry, strip, before, colours.faint, 0);
  if (now) {
    if (plot.ownShift !== null) drawOwn(plot, context, geometry, strip, now, colours);
    drawCurve(plot, context, geometry, strip, now, colours.quantized, plot.output.done ? 0 : 1.8);
  }
  context.restore();
  const best = plot.output.best;
  if (!best) return;
  for (const bound of plot.meta.symmetric ? ["high"] : ["high", "low"]) {
    const x = geometry.toPixel(best[bound]);
    if (best[bound] !== 0 && x >= geometry.left && x <= geometry.right) dot(context, x, strip.toPixel(best.db), 2.75, colours.quantized, colours.quantized);
  }
}

function drawOutputAxis(plot, context, geometry, strip, colours) {
  const [low, high] = plot.outputRange;
  const most = Math.max(1, Math.floor(strip.height / TICK_ROOM));
  const step = [1, 2, 5, 10, 20, 50].find((s) => (high - low) / s <= most + 0.5) || 100;
  context.font = `11px ${plot.fontFamily}`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = colours.muted;
  context.strokeStyle = colours.grid;
  context.lineWidth = 1;
  context.beginPath();
  for (let db = Math.ceil(low / step) * step; db <= high; db += step) {
    const y = Math.round(strip.toPixel(db)) + 0.5;
    context.moveTo(geometry.left, y);
    context.lineTo(geometry.right, y);
    context.fillText(String(db).replace("-", MINUS), geometry.left - 4, y);
  }
  context.stroke();
  context.textAlign = "center";
  context.save();
  context.translate(geometry.left - 50, strip.top + strip.height / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("dB", 0, 0);
  context.restore();
  context.textBaseline = "alphabetic";
}

// [px, index] along the way that a handle goes. With two handles each side shows what moving its own one does while the
// other stays at its best place, as soon as that is measured; until then what both do together. The dot of the present
// range takes both ends into account, so that it may lie beside the line.
function pathsOf(plot, geometry, curve) {
  if (plot.meta.symmetric) return [[curve.diagonal, curve.high]];
  const sides = [];
  if (curve.low < 0) sides.push([curve.low_line.at.length > 2 ? curve.low_line : curve.diagonal, curve.low]);
  if (curve.high > 0) sides.push([curve.high_line.at.length > 2 ? curve.high_line : curve.diagonal, curve.high]);
  return sides;
}

function drawCurve(plot, context, geometry, strip, curve, colour, radius) {
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.6;
  for (const [line, end] of pathsOf(plot, geometry, curve)) {
    const points = line.at.map((factor, i) => [geometry.toPixel(factor * end), strip.toPixel(line.db[i])]);
    polyline(context, points);
    if (radius) for (const [x, y] of points) context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
  }
}

// The layer's own output, moved so that both are best at one height: what counts is where it is best.
function drawOwn(plot, context, geometry, strip, curve, colours) {
  context.strokeStyle = colours.muted;
  context.lineWidth = 0.9;
  for (const [line, end] of pathsOf(plot, geometry, curve)) {
    const known = line.at.flatMap((factor, i) => (line.own[i] === null ? [] : [[geometry.toPixel(factor * end), strip.toPixel(line.own[i] + plot.ownShift)]]));
    polyline(context, known);
  }
}

function polyline(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

// What is said in the strip: names of the lines, or why there are none.
function paintOutput(plot, geometry) {
  const { root, names, line, own, words } = plot.view.output;
  const strip = geometry.strips[3];
  show(root, Boolean(strip) && plot.meta.kind === "handles");
  if (root.hidden) return;
  const { now, before, done, ready } = plot.output;
  const curve = now || before;
  const box = [geometry.left, strip.top, geometry.right - geometry.left, strip.height].map((x) => `${x.toFixed(1)}px`);
  if (root.style.width !== box[2] || root.style.top !== box[1] || root.style.height !== box[3] || root.style.left !== box[0])
    [root.style.left, root.style.top, root.style.width, root.style.height] = box;
  show(words, !curve);
  put(words, plot.output.words);
  show(names, Boolean(curve));
  if (!curve) return void root.removeAttribute("title");
  const shift = plot.ownShift;
  const zero = clamp(geometry.toPixel(0), geometry.left, geometry.right) - geometry.left; // the curve is low there
  const twoSided = !plot.meta.symmetric && curve.low < 0 && curve.high > 0;
  const beside = plot.meta.symmetric && zero > 260; // left of 0, where no line goes
  const left = `${beside ? 6 : zero + (twoSided ? 0 : 6)}px`;
  if (names.style.left !== left) names.style.left = left;
  names.classList.toggle("wb-middle", twoSided);
  put(line, now && before ? "output SQNR, grey: out of date" : now ? `output SQNR${done ? "" : " …"}` : "output SQNR, out of date");
  const wide = beside ? !before : geometry.right - geometry.left - (twoSided ? 0 : zero) > (twoSided ? 700 : 360);
  put(own, now && wide && shift !== null ? `its layer's own, ${shift < 0 ? MINUS : "+"}${Math.abs(shift).toFixed(1)} dB` : "");
  root.classList.toggle("wb-output-before", !now);
  const about = `SQNR of the network's output with this tensor's range at ${curve.diagonal.at.length} places, on ${curve.n_samples} samples`;
  const thin = shift === null ? "" : "; thin: the same of the layer that reads it, moved by a constant, to compare where both are best";
  const title = `${about}${thin}${ready ? "; what a drag makes of the output is read from it" : ""}`;
  if (root.title !== title) root.title = title;
}
