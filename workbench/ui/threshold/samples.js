// Single samples of the calibration: thin lines behind the float values, drawn once and not with every frame, the one
// under the pointer in front and by its name. All are scaled to the count of all values, so that shapes compare.

const NEAR_SAMPLE = 8; // px
const FAINT_SAMPLE = 0.3; // opacity
const EACH_SAMPLE = "each sample: up to 32 calibration samples as thin lines behind the float values, their counts scaled to those of all, so that shapes compare; bins with few values are drawn together; arrow keys go through them";

function buildSamples(plot) {
  const { view, model } = plot;
  plot.samples = { lines: null, at: -1, drawn: "" };
  const toggle = () => {
    model.set("show_samples", !model.get("show_samples"));
    model.save_changes();
  };
  view.samples.addEventListener("click", toggle);
  view.samples.addEventListener("keydown", (event) => {
    const lines = linesOf(plot);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!lines || (!step && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    const n = lines.names.length;
    const from = step < 0 ? Math.max(plot.samples.at, 0) : plot.samples.at; // the first press shows an end
    nameSample(plot, step ? (from + step + n) % n : -1);
    if (step) put(view.spoken, lines.names[plot.samples.at]);
  });
  view.samples.addEventListener("blur", () => nameSample(plot, -1));
  view.stage.addEventListener("pointermove", (event) => {
    if (!plot.dragging && linesOf(plot)) nameSample(plot, sampleAt(plot, event), event);
  });
  for (const name of ["pointerleave", "pointerdown"]) view.stage.addEventListener(name, () => nameSample(plot, -1));
  for (const name of ["samples", "show_samples"]) model.on(`change:${name}`, () => samplesChanged(plot));
  samplesChanged(plot);
}

function samplesChanged(plot) {
  const sent = plot.model.get("samples");
  plot.samples.lines = sent.counts ? readLines(sent) : null;
  nameSample(plot, -1);
  paintSamples(plot);
}

function readLines({ key, low, high, names, counts }) {
  const { buffer, byteOffset, byteLength } = counts;
  return { key, low, high, names, counts: new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)), n: byteLength / 4 / names.length };
}

// What is drawn at present; null where nothing is.
function linesOf(plot) {
  const { lines } = plot.samples;
  return lines && plot.model.get("show_samples") && plot.meta && lines.key === plot.meta.key ? lines : null;
}

// The button, and the last word of the legend: where that has no room left, the others stay.
function paintSamples(plot) {
  const { view, model } = plot;
  const { why = "" } = model.get("samples");
  const on = model.get("show_samples");
  const lines = linesOf(plot);
  view.samples.setAttribute("aria-pressed", String(on));
  view.samples.setAttribute("aria-busy", String(on && !why && !lines));
  view.samples.disabled = Boolean(why);
  view.samples.title = why ? `each sample: ${why}` : EACH_SAMPLE;
  view.legend.querySelector(".wb-legend-samples")?.remove();
  if (!on || why) return;
  const item = make("span", "wb-legend-item wb-legend-samples", view.legend);
  item.title = "one line a sample of the calibration data, its counts scaled to those of all values";
  make("i", "wb-line wb-line-samples", item);
  item.append(lines ? `${lines.names.length} samples` : "counting samples");
}

function drawSamples(plot) {
  const { geometry, view, samples, colours } = plot;
  const lines = linesOf(plot);
  const strip = geometry.strips[0];
  const place = [geometry.width, geometry.height, geometry.left, geometry.right, ...geometry.range, strip.top, strip.height, strip.log, strip.toPixel(1), strip.toPixel(2)];
  const looks = [lines ? lines.key : "", samples.at, colours.float, colours.ink, window.devicePixelRatio, ...(lines ? place : [])].join();
  if (samples.drawn === looks && samples.drawnLines === lines) return;
  [samples.drawn, samples.drawnLines] = [looks, lines];
  const context = fitCanvas(view.single, geometry);
  if (!lines) return;
  context.save();
  context.beginPath();
  context.rect(geometry.left, strip.top, geometry.right - geometry.left, strip.height);
  context.clip();
  context.lineWidth = 1;
  context.strokeStyle = colours.float;
  context.globalAlpha = FAINT_SAMPLE;
  for (let i = 0; i < lines.names.length; i++) if (i !== samples.at) drawSample(context, lines, i, geometry, strip);
  if (samples.at >= 0) {
    context.lineWidth = 1.8;
    context.strokeStyle = colours.ink;
    context.globalAlpha = 1;
    drawSample(context, lines, samples.at, geometry, strip);
  }
  context.restore();
}

function drawSample(context, { counts, n, low, high }, i, geometry, strip) {
  const from = geometry.toPixel(low);
  const width = (geometry.toPixel(high) - from) / n;
  context.beginPath();
  let up = false; // from the floor; along it nothing is drawn
  for (let k = 0; k < n; k++) {
    const count = counts[i * n + k];
    const x = from + k * width;
    if (count > 0) {
      if (!up) context.moveTo(x, strip.bottom);
      const y = pixelOf(strip, count);
      context.lineTo(x, y);
      context.lineTo(x + width, y);
    } else if (up) context.lineTo(x, strip.bottom);
    up = count > 0;
  }
  if (up) context.lineTo(geometry.toPixel(high), strip.bottom);
  context.stroke();
}

const pixelOf = (strip, count) => (count > 0 ? Math.min(strip.toPixel(count), strip.bottom) : strip.bottom);

// The line nearest to the pointer; -1 where none is near.
function sampleAt(plot, event) {
  const { geometry } = plot;
  const { counts, n, low, high, names } = linesOf(plot);
  const strip = geometry.strips[0];
  const [x, y] = placeIn(plot.view.stage, event);
  if (y < strip.top || y > strip.bottom || x < geometry.left || x > geometry.right) return -1;
  const from = geometry.toPixel(low);
  const bin = Math.floor(((x - from) / (geometry.toPixel(high) - from)) * n);
  if (bin < 0 || bin >= n) return -1;
  let [nearest, least] = [-1, NEAR_SAMPLE];
  for (let i = 0; i < names.length; i++) {
    const count = counts[i * n + bin];
    const distance = count > 0 ? Math.abs(pixelOf(strip, count) - y) : Infinity;
    if (distance < least) [nearest, least] = [i, distance];
  }
  return nearest;
}

// event: of the pointer that the name is written beside; without one it stands where the line is highest.
function nameSample(plot, at, event = null) {
  const { samples, geometry, view } = plot;
  const note = view.notes.sample;
  const lines = linesOf(plot);
  samples.at = lines && geometry ? at : -1;
  show(note, samples.at >= 0);
  if (geometry) drawSamples(plot);
  if (samples.at < 0) return;
  put(note, lines.names[at]);
  const strip = geometry.strips[0];
  const [x, y] = event ? placeIn(view.stage, event) : highest(lines, at, geometry, strip);
  const width = lines.names[at].length * LETTER + 8;
  place(note, x - width - 6 > geometry.left ? x - width - 6 : x + 12, clamp(y - 20, strip.top, strip.bottom - 16));
}

function highest({ counts, n, low, high }, i, geometry, strip) {
  let best = 0;
  for (let k = 1; k < n; k++) if (counts[i * n + k] > counts[i * n + best]) best = k;
  const from = geometry.toPixel(low);
  return [from + ((best + 0.5) / n) * (geometry.toPixel(high) - from), pixelOf(strip, counts[i * n + best])];
}
