// A tensor's moments below any cut, from bins sent once: statistics/density.py in the browser.

// What all thresholds share: running sums over bins (or sums over distinct values).
function makeLive(meta, arrays) {
  const live = { meta, arrays, format: meta.format, n: meta.n, grouped: Boolean(meta.groups) };
  live.exact = Boolean(arrays.value);
  live.tableOnly = Boolean(arrays.table_mse);
  if (live.tableOnly) live.tableSignal = meta.signal / meta.n;
  const size = arrays.count ? arrays.count.length : 0;
  live.signal = 0;
  if (live.exact) {
    const weight = arrays.weight || arrays.count;
    for (let i = 0; i < size; i++) live.signal += weight[i] * arrays.value[i] * arrays.value[i];
    return live;
  }
  if (live.format.fine) setPointsApart(live);
  const { count } = live.arrays;
  const weight = live.arrays.weight || count;
  live.mean = new Float64Array(size);
  live.square = new Float64Array(size);
  for (const name of ["sumCount", "sumWeight", "sumMean", "sumSquare"]) live[name] = new Float64Array(size + 1);
  for (let i = 0; i < size; i++) {
    const half = (arrays.bin_high[i] - arrays.bin_low[i]) / 2;
    const centre = (arrays.bin_high[i] + arrays.bin_low[i]) / 2;
    const t = arrays.bin_mean[i];
    live.mean[i] = centre + half * t;
    live.square[i] = live.mean[i] * live.mean[i] + half * half * arrays.bin_variance[i];
    live.sumCount[i + 1] = live.sumCount[i] + count[i];
    live.sumWeight[i + 1] = live.sumWeight[i] + weight[i];
    live.sumMean[i + 1] = live.sumMean[i] + weight[i] * live.mean[i];
    live.sumSquare[i + 1] = live.sumSquare[i] + weight[i] * live.square[i];
  }
  live.signal = (live.sumSquare[size] || 0) + (live.points ? live.points.signal : 0);
  return live;
}

// Bins that hold one value again and again (what ReLU6 cuts off at 6) go through the kernel of a fine format one by one:
// chance, which its formula rests on, has no part in them.
function setPointsApart(live) {
  const { bin_low, bin_high, bin_mean, bin_variance } = live.arrays;
  const count = live.arrays.count.slice();
  const weight = live.arrays.weight ? live.arrays.weight.slice() : null;
  const at = Array.from(count.keys()).filter((i) => bin_variance[i] === 0);
  const value = at.map((i) => Math.fround((bin_high[i] + bin_low[i]) / 2 + ((bin_high[i] - bin_low[i]) / 2) * bin_mean[i]));
  const points = { value, count: at.map((i) => count[i]), weight: at.map((i) => (weight || count)[i]) };
  points.signal = value.reduce((sum, x, i) => sum + points.weight[i] * x * x, 0);
  for (const i of at) {
    count[i] = 0;
    if (weight) weight[i] = 0;
  }
  live.points = points;
  live.arrays = { ...live.arrays, count, ...(weight ? { weight } : {}) };
}

// Count, weight, weighted sum and sum of squares of the values <= cut.
function belowCut(live, cut, out) {
  const { bin_low, bin_high, bin_mean, bin_variance, count, weight } = live.arrays;
  const whole = search(bin_high, cut, true);
  out.count = live.sumCount[whole];
  out.weight = live.sumWeight[whole];
  out.total = live.sumMean[whole];
  out.square = live.sumSquare[whole];
  out.split = whole < bin_low.length && bin_low[whole] < cut;
  out.start = whole; // the first bin that has values above the cut
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
    share = Math.fround(centre + half * u1) <= cut ? 1 : 0;
    out.start += share; // one value: all of it lies on one side
    out.split = false;
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

const scratch = [{}, {}];
const NOTHING_BELOW = { count: 0, weight: 0, total: 0, square: 0, start: 0, split: false };

function other(cut) {
  return cut === scratch[0] ? scratch[1] : scratch[0];
}

function everything(live, out) {
  const n = live.arrays.count.length;
  out.count = live.sumCount[n];
  out.weight = live.sumWeight[n];
  out.total = live.sumMean[n];
  out.square = live.sumSquare[n];
  out.start = n;
  out.split = false;
  return out;
}

// Smallest and largest value between two cuts; `a` and `b` are what lies below them.
function extremesBetween(live, a, b, from, to, out) {
  const { bin_low, bin_high, bin_variance } = live.arrays;
  const last = b.split ? b.start : b.start - 1;
  const point = (i, end) => (bin_variance[i] === 0 ? live.mean[i] : end[i]);
  out.smallest = a.start < bin_low.length ? Math.max(from, point(a.start, bin_low)) : from;
  out.largest = last >= 0 ? Math.min(to, point(last, bin_high)) : to;
  return out;
}
