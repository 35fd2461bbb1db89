// A lens at the handle: where levels stand too close to be told apart, those next to the threshold, further apart, with
// their codes. Shown while a handle is pointed at, focused or dragged; drawn on the overlay's canvas.

const TOO_CLOSE = 4; // px between levels that the eye parts
const LENS = { width: 176, height: 42, gap: 12, most: 40 };
const LENS_STEP = 24; // px between the first two levels in the lens

function watchHandle(handle, repaint) {
  const note = (name, value) => () => {
    handle[name] = value;
    repaint();
  };
  handle.element.addEventListener("pointerenter", note("hovered", true));
  handle.element.addEventListener("pointerleave", note("hovered", false));
  handle.element.addEventListener("focus", note("focused", true));
  handle.element.addEventListener("blur", note("focused", false));
}

function drawLens(plot, context, geometry, shown, colours) {
  const { live, handles, dragging } = plot;
  if (live.tableOnly) return; // no levels of its own, or each channel others
  const active = handles.find((h) => h.pressed) || handles.find((h) => h.bound === dragging) || handles.find((h) => h.hovered) || handles.find((h) => h.focused);
  if (!active || active.element.getAttribute("aria-disabled") === "true") return;
  const side = active.bound === "low" ? -1 : 1;
  const value = plot[active.bound];
  const at = geometry.toPixel(value);
  if (at < geometry.left || at > geometry.right) return;
  const ticks = lensTicks(live, shown.q, value, side);
  if (ticks.length < 2 || Math.abs(geometry.toPixel(ticks[0].level) - geometry.toPixel(ticks[1].level)) >= TOO_CLOSE) return;
  const strip = geometry.strips[0];
  const outside = side > 0 ? geometry.right - at : at - geometry.left;
  const inside = geometry.right - geometry.left - outside;
  const way = outside > Math.min(LENS.width + LENS.gap, inside) ? side : -side;
  const left = clamp(way > 0 ? at + LENS.gap : at - LENS.gap - LENS.width, geometry.left, geometry.right - LENS.width - 1);
  paintLens(plot, context, { left: Math.round(left), top: Math.round(strip.bottom - LENS.height - 4), side, value, ticks }, colours);
}

// Levels from the threshold inwards, with their distances from it in px.
function lensTicks(live, q, value, side) {
  const n = live.format.n_levels;
  const nearest = codeOf(live, q, value, "nearest_even");
  const level = (i) => levelOf(live, q, i);
  const end = clamp(nearest + 2 * side, 0, n - 1);
  const step = Math.abs(level(nearest) - level(clamp(nearest - side, 0, n - 1)));
  if (!(step > 0)) return [];
  const ticks = [];
  for (let i = end; i >= 0 && i < n && ticks.length < LENS.most; i -= side) {
    const tick = { level: level(i), px: ((level(i) - value) / step) * LENS_STEP, code: codeName(live, q, i) };
    const last = ticks[ticks.length - 1];
    if (last && Math.abs(last.px - tick.px) < TOO_CLOSE) break;
    if (Math.abs(tick.px) > LENS.width) break;
    ticks.push(tick);
  }
  return ticks;
}

// What stands for a level: an integer's code, else the level in steps of its scale.
function codeName(live, q, index) {
  const { format } = live;
  const text = format.uniform ? String(format.qmin + index) : String(Number((levelOf(live, q, index) / q.scale).toPrecision(3)));
  return text.replace("-", MINUS);
}

function paintLens(plot, context, { left, top, side, value, ticks }, colours) {
  const { width, height } = LENS;
  const centre = left + width / 2 + side * (width / 2 - 34);
  context.save();
  context.fillStyle = colours.paper;
  context.strokeStyle = colours.muted;
  context.lineWidth = 1;
  context.beginPath();
  context.roundRect(left + 0.5, top + 0.5, width, height, 5);
  context.fill();
  context.stroke();
  context.clip();
  const end = side > 0 ? plot.shown.q.high : plot.shown.q.low;
  const edge = clamp(centre + lensOffset(ticks, end, value), left, left + width);
  context.fillStyle = colours.clippingFill;
  if (side > 0) context.fillRect(edge, top, left + width - edge, height);
  else context.fillRect(left, top, edge - left, height);
  context.fillStyle = colours.ink;
  context.fillRect(Math.round(centre) - 1, top, 2, height);
  context.strokeStyle = colours.quantized;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const { px } of ticks) {
    context.moveTo(centre + px, top + height - 2);
    context.lineTo(centre + px, top + height - 14);
  }
  context.stroke();
  context.fillStyle = colours.quantizedText;
  context.font = `10px ${plot.fontFamily}`;
  context.textAlign = "center";
  let free = side > 0 ? Infinity : -Infinity;
  for (const { px, code } of ticks) {
    const half = (code.length * 5.8) / 2 + 1.5;
    const x = centre + px;
    if (x - half < left + 2 || x + half > left + width - 2 || (side > 0 ? x + half > free : x - half < free)) continue;
    writeClear(context, code, x, top + height - 19, colours);
    free = x - side * half;
  }
  context.textAlign = side > 0 ? "left" : "right";
  context.fillStyle = colours.muted;
  context.fillText("codes", side > 0 ? left + 6 : left + width - 6, top + 11);
  context.restore();
}

// Distance of a value from the threshold in the lens, px; its scale is that of the ticks.
function lensOffset(ticks, value, threshold) {
  const [a, b] = ticks;
  return ((value - threshold) * (a.px - b.px)) / (a.level - b.level);
}
