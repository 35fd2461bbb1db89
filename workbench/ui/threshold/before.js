// In grey, what held before the last change: the former thresholds, and how the values lay on the former levels. While a
// handle moves that is the range it was taken from.

// The present range as the one before, kept until Python has answered; called on every move.
function rememberBefore(plot) {
  if (!plot.live || plot.low !== plot.committed.low || plot.high !== plot.committed.high) return;
  const cells = presentCells(plot, plot.shown);
  plot.was = { low: plot.low, high: plot.high, one_sided: plot.meta.one_sided, cells: cells && copiedCells(cells) };
}

function copiedCells({ n, edge, counts, ...rest }) {
  const edges = Float64Array.from({ length: n + 1 }, (_, i) => edge(i));
  return { n, edge: (i) => edges[i], counts: Float64Array.from(counts), ...rest };
}

// What `drawCells` draws of the present range; null where the levels are not counted one by one.
function presentCells(plot, { q, counts, below, above }) {
  if (!counts || !counts.length) return null;
  const n = counts.length;
  const edge = (i) => (i <= 0 ? q.low : i >= n ? q.high : q.boundaries[i - 1]);
  return { n, edge, counts, below, above, zero: codeOf(plot.live, q, 0), n_zeros: plot.live.meta.n_zeros };
}

function beforeOf(plot) {
  const { meta } = plot;
  if (meta.kind === "own_range" || meta.one_by_one) return null;
  if (plot.was) return plot.was;
  const sent = plot.model.get("before");
  if (sent.high === undefined || sent.key !== meta.title + meta.caption) return null;
  if (plot.sentBefore !== sent) {
    const cells = sent.cells && { ...sent.cells, n: sent.cells.counts.length, edge: (i) => sent.cells.edges[i] };
    [plot.sentBefore, plot.beforeRead] = [sent, { ...sent, cells }];
  }
  return plot.beforeRead;
}

function drawBefore(plot, context, geometry, strip, colours) {
  const before = beforeOf(plot);
  show(plot.view.before, Boolean(before));
  if (!before) return;
  if (before.cells && !showsCodes(plot)) drawCells(plot, context, geometry, before.cells, strip, colours.faint);
  context.strokeStyle = colours.faint;
  context.lineWidth = 1.2;
  context.setLineDash([5, 3]);
  context.beginPath();
  for (const bound of before.one_sided ? [before.high] : [before.low, before.high]) {
    const px = geometry.toPixel(bound);
    context.moveTo(px, strip.top);
    context.lineTo(px, strip.bottom);
  }
  context.stroke();
  context.setLineDash([]);
}
