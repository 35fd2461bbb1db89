// Rounding by chance, in the mean over the draws: x between the levels l and h costs (x - l)(h - x).

// Values between two neighbouring levels: count, weight and weighted sums of one cell whose values lie in
// [smallest, largest]. `pruned`: within the zero band, where nothing is drawn. `size` scales the worst error.
function addDrawn(q, count, weight, total, square, smallest, largest, pruned, sums, size) {
  if (pruned) {
    sums.rounding += square;
    sums.zeroed += count;
    sums.worst = Math.max(sums.worst, Math.abs(smallest) * size, Math.abs(largest) * size);
    if (q.atZero >= 0) (sums.counts[q.atZero] += count), (sums.hit[q.atZero] = 1);
    return;
  }
  const { levels } = q;
  const upper = clamp(search(levels, largest, false), 1, levels.length - 1);
  const [l, h] = [levels[upper - 1], levels[upper]];
  const power = (l + h) * total - l * h * weight;
  sums.rounding += Math.max(0, power - square);
  sums.product += square;
  sums.norm += power;
  sums.worst = Math.max(sums.worst, (h - smallest) * size, (largest - l) * size);
  const up = weight > 0 ? (count * clamp((total / weight - l) / (h - l), 0, 1)) : 0;
  sums.counts[upper] += up;
  sums.counts[upper - 1] += count - up;
  if (l === 0) sums.zeroed += count - up;
  if (h === 0) sums.zeroed += up;
  if (count > 0.5) sums.hit[upper - 1] = sums.hit[upper] = 1;
}

// One value of a fine format, whose neighbours have a formula.
function addDrawnFine(live, q, x, count, weight, sums, size) {
  const l = levelOf(live, q, codeOf(live, q, x, "down"));
  const h = levelOf(live, q, codeOf(live, q, x, "up"));
  const noise = Math.max(0, (x - l) * (h - x));
  sums.rounding += weight * noise;
  sums.product += weight * x * x;
  sums.norm += weight * (x * x + noise);
  sums.worst = Math.max(sums.worst, noise > 0 ? (h - x) * size : 0, noise > 0 ? (x - l) * size : 0);
  if (noise > 0 && l === 0) sums.zeroed += (count * (h - x)) / h;
  if (noise > 0 && h === 0) sums.zeroed += (count * (x - l)) / -l;
  sums.used += noise > 0 ? 2 : 1;
}

// Bins cut at the levels themselves, and at the zero band.
function addDraws(live, q, [bottom, top], sums) {
  const { levels } = q;
  const n = levels.length;
  const band = live.format.zero_band;
  const cuts = [bottom, ...levels.subarray(1, n - 1), top];
  if (band > 0) cuts.push(nextFloat(-band, false), band); // may lie beyond the end levels
  cuts.sort((a, b) => a - b);
  let b = belowCut(live, cuts[0], scratch[0]);
  sums.below = addCell(live, NOTHING_BELOW, b, -Infinity, cuts[0], levels[0], true, sums);
  for (let i = 1; i < cuts.length; i++) {
    const a = b;
    b = belowCut(live, cuts[i], other(a));
    const count = b.count - a.count;
    if (!(count > 1e-9)) continue;
    const { smallest, largest } = extremesBetween(live, a, b, cuts[i - 1], cuts[i], between);
    const pruned = band > 0 && cuts[i - 1] >= nextFloat(-band, false) && cuts[i] <= band;
    addDrawn(q, count, b.weight - a.weight, b.total - a.total, b.square - a.square, smallest, largest, pruned, sums, 1);
  }
  const last = cuts[cuts.length - 1];
  sums.above = addCell(live, b, everything(live, other(b)), last, Infinity, levels[n - 1], true, sums);
  sums.counts[0] += sums.below;
  sums.counts[n - 1] += sums.above;
  if (sums.below > 0.5) sums.hit[0] = 1;
  if (sums.above > 0.5) sums.hit[n - 1] = 1;
}
