// Few values, drawn one by one: a dot for each value, a line down to its level.

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
