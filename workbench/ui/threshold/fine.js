// Formats of thousands of levels: where values lie between two neighbouring levels is taken as chance, what saturates and
// what becomes 0 is exact. An integer step s costs s^2 / 12 a value, whatever the value. A logarithmic format steps by the
// same *ratio* r = ln 2 / (levels an octave) everywhere, so that x costs (r x)^2 / 12: a sum over x^2 instead of a count.
// Modes that always round one way cost four times that, rounding by chance twice (errors of s^2 / 3 and s^2 / 6).

function addFine(live, q, [bottom, top], sums) {
  const f = live.format;
  const [under, over] = zeroCell(f, q);
  const low = belowCut(live, Math.min(bottom, -under), {});
  const high = belowCut(live, Math.max(top, over), {});
  sums.below = addCell(live, NOTHING_BELOW, low, -Infinity, bottom, q.low, true, sums);
  sums.above = addCell(live, high, everything(live, {}), top, Infinity, q.high, true, sums);
  const a = belowCut(live, -under, {});
  const b = belowCut(live, over, {});
  sums.zeroed = Math.max(0, b.count - a.count);
  sums.rounding += Math.max(0, b.square - a.square); // became 0
  if (f.rounding === "stochastic" && f.uniform) sums.zeroed += zeroedByChance(live, q.scale, a, b);
  addFineSide(f, q, low, a, -1, sums);
  addFineSide(f, q, b, high, 1, sums);
  const step = f.uniform ? q.scale : (Math.LN2 / f.steps_per_octave) * Math.min(q.high, live.meta.data.absmax);
  const worst = f.rounding.startsWith("nearest") ? step / 2 : step;
  sums.worst = Math.max(sums.worst, worst, sums.zeroed > 0.5 ? Math.min(f.zero_band, live.meta.data.absmax) : 0);
  sums.used = fineLevelsUsed(live, q);
  addValues(live, q, [bottom, top], sums, live.points, null);
}

// How far below and above 0 values become 0.
function zeroCell(f, q) {
  const steps = f.steps_per_octave;
  const [least, second] = f.uniform ? [q.scale, q.scale] : [2 ** ((q.zero - f.top) / steps) * q.scale, 2 ** ((q.zero - f.top + 1) / steps) * q.scale];
  const shares = { toward_zero: [1, 1], up: [1, 0], down: [0, 1], stochastic: [0, 0] }[f.rounding] || [0.5, 0.5];
  return [Math.max(second * shares[0], f.zero_band), Math.max(least * shares[1], f.zero_band)];
}

// Expected number of values within a step of 0 that become it; those of the zero band, between `a` and `b`, do so anyway.
function zeroedByChance(live, step, a, b) {
  const below = belowCut(live, -step, {});
  const above = belowCut(live, step, {});
  const left = Math.max(0, a.count - below.count) * (1 + ((a.total - below.total) / (a.weight - below.weight) || 0) / step);
  return left + Math.max(0, above.count - b.count) * (1 - ((above.total - b.total) / (above.weight - b.weight) || 0) / step);
}

// The values between two cuts on one side of zero. The error e = x - y has the mean `lean` steps, and sum x e follows.
function addFineSide(f, q, a, b, side, sums) {
  const weight = b.weight - a.weight;
  if (!(weight > 0)) return;
  const total = b.total - a.total;
  const square = b.square - a.square;
  const nearest = f.rounding.startsWith("nearest");
  const lean = nearest || f.rounding === "stochastic" ? 0 : (f.rounding === "toward_zero" ? side : f.rounding === "down" ? 1 : -1) / 2;
  const share = nearest ? 1 / 12 : f.rounding === "stochastic" ? 1 / 6 : 1 / 3;
  let noise;
  let cross;
  if (f.uniform) {
    const bias = lean * q.scale;
    noise = Math.min(weight * q.scale * q.scale * share, square);
    cross = bias * (total - bias * weight) + noise;
  } else {
    const ratio = Math.LN2 / f.steps_per_octave;
    noise = square * ratio * ratio * share;
    cross = lean * side * ratio * square + noise;
  }
  if (f.rounding === "stochastic") cross = 0; // the mean of y is x
  sums.rounding += noise;
  sums.product += square - cross;
  sums.norm += square - 2 * cross + noise;
}

// Expected number of levels that are hit when each bin's values fall on its levels by chance.
function fineLevelsUsed(live, q) {
  const { bin_low, bin_high, bin_variance, count } = live.arrays;
  let used = live.meta.n_zeros > 0 ? 1 : 0;
  for (let i = 0; i < count.length; i++) {
    const [from, to] = [Math.max(bin_low[i], q.low), Math.min(bin_high[i], q.high)];
    if (to <= from) continue;
    const levels = bin_variance[i] === 0 ? 1 : Math.max(1, levelsBetween(live.format, q, from, to));
    used += levels * (1 - Math.exp(-count[i] / levels));
  }
  return Math.min(live.format.n_levels, Math.round(used));
}

function levelsBetween(f, q, from, to) {
  if (f.uniform) return (to - from) / q.scale;
  const place = (x) => Math.sign(x) * Math.max(0, f.steps_per_octave * Math.log2(Math.abs(x) / q.scale || TINY) - q.zero + f.top);
  return place(to) - place(from);
}
