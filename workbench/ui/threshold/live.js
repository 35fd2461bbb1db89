// The error of a quantizer at any threshold, from data sent once. Formulas: errors/expected.py, errors/stochastic.py.

// All figures of a range. `low`, `high` as a person drags them; grouped tensors in units of each group's maximum.
function liveMetrics(live, low, high) {
  const q = quantizerFor(live, low, high);
  if (live.tableOnly) return fromTable(live, q, high);
  const f = live.format;
  if (!f.fine) listLevels(live, q);
  const sums = newSums(live);
  const ends = saturationCuts(q);
  const { largest } = live.arrays;
  if (live.exact) addValues(live, q, ends, sums, live.arrays, live.arrays.weight ? (w) => Math.sqrt(w) / largest[0] : null);
  else if (f.fine) addFine(live, q, ends, sums);
  else if (f.rounding === "stochastic") addDraws(live, q, ends, sums);
  else addBins(live, q, ends, sums);
  addZeros(live, q, ends, sums);
  addOverflow(live, q, sums);
  const kl = live.arrays.kl_count ? divergence(live, q) : fromColumn(live, "kl", high);
  const used = live.arrays.table_levels_used ? Math.round(fromColumn(live, "levels_used", high)) : levelsUsed(live, q, sums);
  return { q, metrics: asMetrics(live, sums, kl, used), below: sums.below, above: sums.above, counts: sums.counts };
}

// x <= the first or x > the second is beyond the end levels: a little further out, see errors/saturation.py.
function saturationCuts(q) {
  return [nextFloat(nextFloat(nextFloat(q.low, false), false), false), nextFloat(nextFloat(q.high, true), true)];
}

function newSums(live) {
  const n_levels = live.format.fine ? 0 : live.format.n_levels;
  if (!live.counts || live.counts.length !== n_levels) {
    live.counts = new Float64Array(n_levels);
    live.hit = new Uint8Array(n_levels);
  }
  live.counts.fill(0);
  live.hit.fill(0);
  const sums = { rounding: 0, clipping: 0, product: 0, norm: 0, worst: 0, below: 0, above: 0, zeroed: 0, used: 0 };
  return Object.assign(sums, { counts: live.counts, hit: live.hit });
}

function asMetrics(live, sums, kl, used) {
  const { n, signal } = live;
  const noise = sums.rounding + sums.clipping;
  const norm = Math.sqrt(signal * sums.norm);
  return {
    mse: noise / n,
    rounding_mse: sums.rounding / n,
    clipping_mse: sums.clipping / n,
    sqnr_db: noise === 0 ? Infinity : signal === 0 || noise === Infinity ? -Infinity : 10 * Math.log10(signal / noise),
    cosine: norm === Infinity ? 0 : norm > 0 ? clamp(sums.product / norm, -1, 1) : Number(signal === sums.norm),
    kl,
    max_abs: sums.worst * (live.arrays.largest ? live.arrays.largest[0] : 1),
    saturated_fraction: (sums.below + sums.above) / n,
    zeroed_fraction: Math.max(0, sums.zeroed) / n,
    levels_used: used,
  };
}

function levelsUsed(live, q, sums) {
  if (live.format.fine) return sums.used;
  let used = 0;
  const byChance = live.format.rounding === "stochastic";
  for (let i = 0; i < sums.counts.length; i++) if (byChance ? sums.hit[i] : sums.counts[i] > 0.5) used += 1;
  return used;
}

// Distinct values: every one through the kernel itself, or by its expectation where rounding is by chance. sizeOf: from the
// weight of a value to the share that its group's maximum has of the largest one.
function addValues(live, q, [bottom, top], sums, { value, count, weight }, sizeOf) {
  const { fine, rounding, zero_band } = live.format;
  const columns = weight || count;
  let previous = -1;
  let zeroCode = fine && live.exact && live.meta.n_zeros > 0 ? codeOf(live, q, 0) : -1;
  for (let i = 0; i < value.length; i++) {
    const x = value[i];
    const w = columns[i];
    const size = sizeOf ? sizeOf(w) : 1;
    const pruned = Math.abs(x) <= zero_band;
    if (rounding === "stochastic" && !pruned && x > bottom && x <= top) {
      if (fine) addDrawnFine(live, q, x, count[i], w, sums, size);
      else addDrawn(q, count[i], w, w * x, w * x * x, x, x, false, sums, size);
      continue;
    }
    const index = codeOf(live, q, x);
    const y = levelOf(live, q, index);
    const squared = w * (x - y) * (x - y);
    if (x <= bottom) (sums.clipping += squared), (sums.below += count[i]);
    else if (x > top) (sums.clipping += squared), (sums.above += count[i]);
    else sums.rounding += squared;
    sums.product += w * x * y;
    sums.norm += w * y * y;
    sums.worst = Math.max(sums.worst, Math.abs(x - y) * size);
    if (y === 0) sums.zeroed += count[i];
    if (index !== previous) sums.used += 1;
    if (index === zeroCode) zeroCode = -1;
    previous = index;
    if (!fine) (sums.counts[index] += count[i]), (sums.hit[index] = 1);
  }
  if (zeroCode >= 0) sums.used += 1;
}

const between = { smallest: 0, largest: 0 };

// One cell of the distribution goes to `level`; `a` and `b` are what lies below its ends. Returns its count.
function addCell(live, a, b, from, to, level, beyond, sums) {
  const count = b.count - a.count;
  const weight = b.weight - a.weight;
  if (!(count > 1e-9)) return 0;
  const total = b.total - a.total;
  const squared = Math.max(0, b.square - a.square - level * (2 * total - level * weight));
  if (beyond) sums.clipping += squared;
  else sums.rounding += squared;
  sums.product += level * total;
  sums.norm += level * level * weight;
  const { smallest, largest } = extremesBetween(live, a, b, from, to, between);
  sums.worst = Math.max(sums.worst, Math.abs(smallest - level), Math.abs(largest - level));
  return count;
}

// Bins cut at the boundaries and at the end levels: cell i goes to level i. A zero band that is wider than the range takes
// values from beyond it.
function addBins(live, q, [bottom, top], sums) {
  const { levels, boundaries } = q;
  const n = levels.length;
  const start = n > 1 ? Math.min(bottom, boundaries[0]) : bottom;
  const end = n > 1 ? Math.max(top, boundaries[n - 2]) : top;
  let b = belowCut(live, start, scratch[0]);
  sums.below = addCell(live, NOTHING_BELOW, b, -Infinity, start, levels[0], true, sums);
  sums.counts[0] = sums.below;
  let from = start;
  const cellTo = (to, index, beyond) => {
    const a = b;
    b = belowCut(live, to, other(a));
    const count = addCell(live, a, b, from, to, levels[index], beyond, sums);
    if (index === q.atZero) sums.zeroed += count;
    sums.counts[index] += count;
    from = to;
    return count;
  };
  if (start < bottom) sums.below += cellTo(bottom, q.atZero, true);
  for (let i = 0; i < n; i++) cellTo(i < n - 1 ? clamp(boundaries[i], bottom, top) : top, i, false);
  if (end > top) sums.above += cellTo(end, q.atZero, true);
  const above = addCell(live, b, everything(live, other(b)), end, Infinity, levels[n - 1], true, sums);
  sums.above += above;
  sums.counts[n - 1] += above;
}

// Exact zeros, which bins leave out: an error only where there is no level at 0.
function addZeros(live, q, [bottom, top], sums) {
  const n = live.meta.n_zeros;
  if (!n || live.format.fine) return;
  const weight = live.meta.zero_weight;
  if (live.format.rounding === "stochastic" && 0 > bottom && 0 <= top) {
    const zeroed = sums.zeroed;
    addDrawn(q, n, weight, 0, 0, 0, 0, live.format.zero_band > 0, sums, 1);
    sums.zeroed = zeroed; // counts what was not 0 before
    return;
  }
  const index = codeOf(live, q, 0);
  const level = q.levels[index];
  sums.counts[index] += n;
  sums.hit[index] = 1;
  if (0 <= bottom) (sums.clipping += weight * level * level), (sums.below += n);
  else if (0 > top) (sums.clipping += weight * level * level), (sums.above += n);
  else sums.rounding += weight * level * level;
  sums.norm += weight * level * level;
  sums.worst = Math.max(sums.worst, Math.abs(level));
}

// Where a format overflows to infinity (fp8 by choice), one value beyond its limit makes the error infinite.
function addOverflow(live, q, sums) {
  const { overflow_limits: limits, rounding } = live.format;
  if (!limits || rounding === "stochastic") return;
  const lowest = Math.fround(limits[0] * q.scale);
  const highest = Math.fround(limits[1] * q.scale);
  const { low, high } = live.meta.data;
  if (low >= lowest && high <= highest) return;
  sums.clipping = sums.worst = sums.norm = Infinity;
  for (const [level, count] of [[0, countBeyond(live, lowest, false)], [sums.counts.length - 1, countBeyond(live, highest, true)]]) sums.counts[level] -= count;
}

function countBeyond(live, cut, above) {
  const { value, count } = live.arrays;
  if (live.exact) return value.reduce((sum, x, i) => sum + ((above ? x > cut : x < cut) ? count[i] : 0), 0);
  return above ? everything(live, scratch[0]).count - belowCut(live, cut, scratch[1]).count : belowCut(live, nextFloat(cut, false), scratch[0]).count;
}
