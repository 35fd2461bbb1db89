// The error of a quantizer at any threshold, from data sent once. Plain functions without imports, so that a test can
// evaluate this file alone and hold it against numerics/. Formulas: statistics/density.py, errors/expected.py,
// errors/divergence.py, scaling.py; float32 arithmetic by Math.fround.

const TINY = 1.1754943508222875e-38;
const LARGEST = 3.4028234663852886e38;
const ROUND = 6755399441055744; // 1.5 * 2^52: adding and subtracting it rounds a double to an integer, half to even
const bits32 = new Uint32Array(1);
const float32 = new Float32Array(bits32.buffer);

function roundEven(x) {
  return Math.abs(x) < 4503599627370496 ? x + ROUND - ROUND : x;
}

function nextFloat(x, up) {
  if (x === 0) return up ? 1.401298464324817e-45 : -1.401298464324817e-45;
  float32[0] = x;
  bits32[0] += (x > 0) === up ? 1 : -1;
  return float32[0];
}

function clamp(x, low, high) {
  return x < low ? low : x > high ? high : x;
}

// Number of entries of an ascending array that are < x (or <= x where `right`).
function search(array, x, right) {
  let low = 0;
  let high = array.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (array[middle] < x || (right && array[middle] === x)) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Copies of the arrays in a message (its offset need not be a multiple of 8).
function readArrays(where, view) {
  const kinds = { float32: Float32Array, float64: Float64Array };
  const arrays = {};
  for (const [name, [offset, length, kind]] of Object.entries(where || {})) {
    const size = kinds[kind].BYTES_PER_ELEMENT;
    const start = view.byteOffset + offset;
    arrays[name] = new kinds[kind](view.buffer.slice(start, start + length * size));
  }
  return arrays;
}

// What all thresholds share: running sums over bins (or sums over distinct values).
function makeLive(meta, arrays) {
  const live = { meta, arrays, format: meta.format, n: meta.n, grouped: Boolean(meta.groups) };
  live.exact = Boolean(arrays.value);
  live.tableOnly = Boolean(arrays.table_mse);
  if (live.tableOnly) live.tableSignal = arrays.table_mse[0] * 10 ** (arrays.table_sqnr_db[0] / 10);
  const size = arrays.count ? arrays.count.length : 0;
  const weight = arrays.weight || arrays.count;
  live.signal = 0;
  if (live.exact) {
    for (let i = 0; i < size; i++) live.signal += weight[i] * arrays.value[i] * arrays.value[i];
    return live;
  }
  live.mean = new Float64Array(size);
  live.square = new Float64Array(size);
  for (const name of ["sumCount", "sumWeight", "sumMean", "sumSquare"]) live[name] = new Float64Array(size + 1);
  for (let i = 0; i < size; i++) {
    const half = (arrays.bin_high[i] - arrays.bin_low[i]) / 2;
    const centre = (arrays.bin_high[i] + arrays.bin_low[i]) / 2;
    const t = arrays.bin_mean[i];
    live.mean[i] = centre + half * t;
    live.square[i] = live.mean[i] * live.mean[i] + half * half * arrays.bin_variance[i];
    live.sumCount[i + 1] = live.sumCount[i] + arrays.count[i];
    live.sumWeight[i + 1] = live.sumWeight[i] + weight[i];
    live.sumMean[i + 1] = live.sumMean[i] + weight[i] * live.mean[i];
    live.sumSquare[i + 1] = live.sumSquare[i] + weight[i] * live.square[i];
  }
  live.signal = live.sumSquare[size] || 0;
  return live;
}

// Scale, zero point and end levels for a range: the rule of numerics/scaling.py.
function quantizerFor(live, low, high) {
  const f = live.format;
  const limited = (s) => Math.fround(s === 0 ? 1 : clamp(s, TINY, LARGEST));
  if (f.family !== "integer") {
    const scale = limited(Math.max(Math.abs(low), Math.abs(high)) / f.largest);
    const top = Math.fround(f.largest * scale);
    return { scale, zero: 0, first: 0, last: f.n_levels - 1, low: -top, high: top };
  }
  let scale;
  let zero;
  if (live.meta.symmetric) {
    scale = limited(Math.max(Math.abs(low), Math.abs(high)) / f.end);
    zero = f.middle;
  } else {
    const from = Math.min(low, 0);
    scale = limited((Math.max(high, 0) - from) / (f.qmax - f.qmin));
    zero = clamp(roundEven(f.qmin - from / scale), f.qmin, f.qmax);
  }
  const first = f.qmin - zero;
  const last = f.qmax - zero;
  return { scale, zero, first, last, low: Math.fround(first * scale), high: Math.fround(last * scale) };
}

// The level (as a multiple of the scale) that the kernel gives a float32 value, and its index from the lowest level.
function codeOf(live, q, x) {
  const v = Math.fround(x / q.scale);
  if (live.format.family === "integer") return clamp(roundEven(v), q.first, q.last) - q.first;
  return search(live.arrays.unit_boundary, v, false);
}

function levelOf(live, q, index) {
  if (live.format.family === "integer") return Math.fround((q.first + index) * q.scale);
  return Math.fround(live.arrays.unit_level[index] * q.scale);
}

function boundaryOf(live, q, index) {
  if (live.format.family === "integer") return (q.first + index + 0.5) * q.scale;
  return live.arrays.unit_boundary[index] * q.scale;
}

// All figures of a range. `low`, `high` as a person drags them; grouped tensors in units of each group's maximum.
function liveMetrics(live, low, high) {
  const q = quantizerFor(live, low, high);
  const sums = newSums(live);
  if (live.tableOnly) return fromTable(live, q, high);
  const ends = [nextFloat(nextFloat(q.low, false), false), nextFloat(nextFloat(q.high, true), true)];
  if (live.exact) addValues(live, q, ends, sums);
  else if (live.format.fine) addFine(live, q, ends, sums);
  else addBins(live, q, ends, sums);
  const kl = live.arrays.kl_count ? divergence(live, q) : fromColumn(live, "kl", high);
  const used = live.arrays.table_levels_used ? Math.round(fromColumn(live, "levels_used", high)) : sums.used;
  return { q, metrics: asMetrics(live, sums, kl, used), below: sums.below, above: sums.above, counts: sums.counts };
}

function newSums(live) {
  const n_levels = live.format.fine ? 0 : live.format.n_levels;
  if (!live.counts || live.counts.length !== n_levels) live.counts = new Float64Array(n_levels);
  live.counts.fill(0);
  return { rounding: 0, clipping: 0, product: 0, norm: 0, worst: 0, below: 0, above: 0, zeroed: 0, used: 0, counts: live.counts };
}

function asMetrics(live, sums, kl, used) {
  const { n, signal } = live;
  const noise = sums.rounding + sums.clipping;
  const norm = Math.sqrt(signal * sums.norm);
  return {
    mse: noise / n,
    rounding_mse: sums.rounding / n,
    clipping_mse: sums.clipping / n,
    sqnr_db: noise === 0 ? Infinity : signal === 0 ? -Infinity : 10 * Math.log10(signal / noise),
    cosine: norm > 0 ? Math.min(1, sums.product / norm) : signal === 0 ? 1 : 0,
    kl,
    max_abs: sums.worst * (live.arrays.largest ? live.arrays.largest[0] : 1),
    saturated_fraction: (sums.below + sums.above) / n,
    zeroed_fraction: sums.zeroed / n,
    levels_used: used,
  };
}

// Distinct values: every one through the kernel itself.
function addValues(live, q, [bottom, top], sums) {
  const { value, count, weight } = live.arrays;
  const columns = weight || count;
  let previous = -1;
  let zeroLevel = live.meta.n_zeros > 0 ? codeOf(live, q, 0) : -1;
  for (let i = 0; i < value.length; i++) {
    const x = value[i];
    const index = codeOf(live, q, x);
    const y = levelOf(live, q, index);
    const w = columns[i];
    const squared = w * (x - y) * (x - y);
    if (x < bottom) (sums.clipping += squared), (sums.below += count[i]);
    else if (x > top) (sums.clipping += squared), (sums.above += count[i]);
    else sums.rounding += squared;
    sums.product += w * x * y;
    sums.norm += w * y * y;
    sums.worst = Math.max(sums.worst, Math.abs(x - y) * (weight ? Math.sqrt(w) / live.arrays.largest[0] : 1));
    if (y === 0) sums.zeroed += count[i];
    if (index !== previous) sums.used += 1;
    if (index === zeroLevel) zeroLevel = -1;
    previous = index;
    if (sums.counts.length) sums.counts[index] += count[i];
  }
  if (zeroLevel >= 0) sums.used += 1;
  if (live.meta.n_zeros && sums.counts.length) sums.counts[codeOf(live, q, 0)] += live.meta.n_zeros;
}

// Count, weight, weighted sum and sum of squares of the values <= cut; `whole`: bins wholly at or below it.
function belowCut(live, cut, out) {
  const { bin_low, bin_high, bin_mean, bin_variance, count, weight } = live.arrays;
  const whole = search(bin_high, cut, true);
  out.whole = whole;
  out.count = live.sumCount[whole];
  out.weight = live.sumWeight[whole];
  out.total = live.sumMean[whole];
  out.square = live.sumSquare[whole];
  out.split = whole < bin_low.length && bin_low[whole] < cut;
  if (!out.split) return out;
  const half = (bin_high[whole] - bin_low[whole]) / 2;
  const centre = (bin_high[whole] + bin_low[whole]) / 2;
  const t = (cut - centre) / half;
  const u1 = bin_mean[whole];
  const u2 = u1 * u1 + bin_variance[whole];
  let share;
  let first;
  let second;
  if (bin_variance[whole] === 0) {
    share = t >= u1 ? 1 : 0;
    first = share * u1;
    second = share * u2;
  } else {
    const e2 = (3 * u2 - 1) / 2;
    const c0 = 0.5 - 1.25 * e2;
    const c1 = 1.5 * u1;
    const c2 = 3.75 * e2;
    const t2 = t * t;
    const t3 = t2 * t;
    const t4 = t2 * t2;
    const t5 = t4 * t;
    share = clamp(c0 * (t + 1) + (c1 * (t2 - 1)) / 2 + (c2 * (t3 + 1)) / 3, 0, 1);
    first = (c0 * (t2 - 1)) / 2 + (c1 * (t3 + 1)) / 3 + (c2 * (t4 - 1)) / 4;
    second = (c0 * (t3 + 1)) / 3 + (c1 * (t4 - 1)) / 4 + (c2 * (t5 + 1)) / 5;
  }
  const w = weight ? weight[whole] : count[whole];
  out.count += share * count[whole];
  out.weight += share * w;
  out.total += w * (centre * share + half * first);
  out.square += w * (centre * centre * share + 2 * centre * half * first + half * half * second);
  return out;
}

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
  const { bin_low, bin_high, bin_variance } = live.arrays;
  const last = b.split ? b.whole : b.whole - 1;
  const point = (i, end) => (bin_variance[i] === 0 ? live.mean[i] : end[i]);
  const smallest = a.whole < bin_low.length ? Math.max(from, point(a.whole, bin_low)) : from;
  const largest = last >= 0 ? Math.min(to, point(last, bin_high)) : to;
  sums.worst = Math.max(sums.worst, Math.abs(smallest - level), Math.abs(largest - level));
  return count;
}

const scratch = [{}, {}];
const NOTHING_BELOW = { count: 0, weight: 0, total: 0, square: 0, whole: 0, split: false };

function everything(live, out) {
  const n = live.arrays.count.length;
  out.count = live.sumCount[n];
  out.weight = live.sumWeight[n];
  out.total = live.sumMean[n];
  out.square = live.sumSquare[n];
  out.whole = n;
  out.split = false;
  return out;
}

// Bins cut at the boundaries and at the end levels: cell i goes to level i.
function addBins(live, q, [bottom, top], sums) {
  const n = live.format.n_levels;
  const other = (cut) => (cut === scratch[0] ? scratch[1] : scratch[0]);
  let b = belowCut(live, bottom, scratch[0]);
  sums.below = addCell(live, NOTHING_BELOW, b, -Infinity, bottom, levelOf(live, q, 0), true, sums);
  let from = bottom;
  const zero = live.format.family === "integer" ? -q.first : search(live.arrays.unit_level, 0, false);
  for (let i = 0; i < n; i++) {
    const a = b;
    const to = i < n - 1 ? boundaryOf(live, q, i) : top;
    b = belowCut(live, to, other(a));
    const count = addCell(live, a, b, from, to, levelOf(live, q, i), false, sums);
    if (i === zero) sums.zeroed = count;
    sums.counts[i] = count;
    from = to;
  }
  sums.above = addCell(live, b, everything(live, other(b)), top, Infinity, levelOf(live, q, n - 1), true, sums);
  sums.counts[0] += sums.below;
  sums.counts[n - 1] += sums.above;
  sums.counts[zero] += live.meta.n_zeros;
  for (let i = 0; i < n; i++) if (sums.counts[i] > 0.5) sums.used += 1;
}

// Thousands of levels: inside, the error of a step s is s^2 / 12 for every value; outside, exact moments.
function addFine(live, q, [bottom, top], sums) {
  const low = belowCut(live, bottom, {});
  const high = belowCut(live, top, {});
  const all = everything(live, {});
  sums.below = addCell(live, NOTHING_BELOW, low, -Infinity, bottom, q.low, true, sums);
  sums.above = addCell(live, high, all, top, Infinity, q.high, true, sums);
  const inside = high.weight - low.weight;
  const square = high.square - low.square;
  sums.rounding = Math.min((inside * q.scale * q.scale) / 12, square);
  sums.product += square - sums.rounding;
  sums.norm += square - sums.rounding;
  sums.worst = Math.max(sums.worst, q.scale / 2);
  const half = q.scale / 2;
  sums.zeroed = Math.max(0, belowCut(live, half, {}).count - belowCut(live, -half, {}).count);
  sums.used = fineLevelsUsed(live, q);
}

// Expected number of levels that are hit when each bin's values fall on its levels by chance.
function fineLevelsUsed(live, q) {
  const { bin_low, bin_high, bin_variance, count } = live.arrays;
  let used = live.meta.n_zeros > 0 ? 1 : 0;
  for (let i = 0; i < count.length; i++) {
    const width = Math.min(bin_high[i], q.high) - Math.max(bin_low[i], q.low);
    if (width <= 0) continue;
    const levels = bin_variance[i] === 0 ? 1 : Math.max(1, width / q.scale);
    used += levels * (1 - Math.exp(-count[i] / levels));
  }
  return Math.min(live.format.n_levels, Math.round(used));
}

// KL of the values to what they become, nats; see errors/divergence.py.
function divergence(live, q) {
  const { kl_count: counts, kl_centre: centres } = live.arrays;
  const first = search(centres, q.low, false);
  const last = search(centres, q.high, true) - 1;
  let below = 0;
  let above = 0;
  let inside = 0;
  let left = -1;
  let right = -1;
  for (let i = 0; i < counts.length; i++) {
    if (i < first) below += counts[i];
    else if (i > last) above += counts[i];
    else if (counts[i] > 0) {
      inside += counts[i];
      if (left < 0) left = i;
      right = i;
    }
  }
  const total = inside + below + above + live.meta.n_zeros;
  const kept = inside + live.meta.n_zeros;
  if (left < 0 || kept === 0) return 0;
  let result = live.meta.n_zeros > 0 ? (live.meta.n_zeros / total) * Math.log(kept / total) : 0;
  let i = left;
  while (i <= right) {
    const level = codeOf(live, q, centres[i]);
    let group = counts[i];
    let filled = counts[i] > 0 ? 1 : 0;
    let j = i + 1;
    for (; j <= right && codeOf(live, q, centres[j]) === level; j++) {
      group += counts[j];
      if (counts[j] > 0) filled += 1;
    }
    for (let k = i; k < j; k++) {
      if (!(counts[k] > 0)) continue;
      const p = counts[k] + (k === left ? below : 0) + (k === right ? above : 0);
      result += (p / total) * Math.log(((p / total) * kept * filled) / group);
    }
    i = j;
  }
  return Math.max(result, 0);
}

// A figure that only Python can compute, between its values at the nearest ratios (logarithms where all are positive).
function fromColumn(live, name, ratio, cubic) {
  const column = live.arrays[`table_${name}`];
  const at = live.arrays.table_ratio;
  if (!column) return 0;
  const i = clamp(search(at, ratio, false), 1, at.length - 1);
  const x = clamp(ratio, at[0], at[at.length - 1]);
  const nodes = cubic && i > 1 && i < at.length - 1 ? [i - 2, i - 1, i, i + 1] : [i - 1, i];
  const positive = nodes.every((k) => column[k] > 0);
  let result = 0;
  for (const k of nodes) {
    let share = 1;
    for (const other of nodes) if (other !== k) share *= (x - at[other]) / (at[k] - at[other]);
    result += share * (positive ? Math.log(column[k]) : column[k]);
  }
  return positive ? Math.exp(result) : Math.max(0, result);
}

function fromTable(live, q, ratio) {
  const metrics = {};
  for (const name of ["rounding_mse", "clipping_mse", "kl", "max_abs", "saturated_fraction", "zeroed_fraction", "levels_used"])
    metrics[name] = fromColumn(live, name, ratio, name.endsWith("_mse"));
  metrics.mse = metrics.rounding_mse + metrics.clipping_mse;
  metrics.sqnr_db = metrics.mse === 0 ? Infinity : 10 * Math.log10(live.tableSignal / metrics.mse);
  metrics.cosine = 1 - fromColumn(live, "one_minus_cosine", ratio, true);
  metrics.levels_used = Math.round(metrics.levels_used);
  return { q, metrics, below: 0, above: metrics.saturated_fraction * live.n, counts: new Float64Array(0) };
}
