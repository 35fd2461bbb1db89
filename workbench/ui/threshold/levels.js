// The quantizer of a range: scale and zero point by the format's step rule, levels and boundaries at that scale, as in
// numerics/scaling.py and `Format.scale_covering`. Formats of at most a few thousand levels have them listed (`levels`,
// `boundaries`, the kernel is a search); finer ones, which are integers or logarithmic, have formulas.

// scale, zero, first (the lowest unit level of integers), low and high (the end levels).
function quantizerFor(live, low, high) {
  const f = live.format;
  const magnitude = Math.max(Math.abs(low), Math.abs(high));
  if (f.rule === "affine") return affineQuantizer(live, low, high, magnitude);
  let scale = 1;
  let zero = 0;
  if (magnitude > 0 && f.rule === "power_of_two") scale = powerOfTwoAtLeast(magnitude / f.reach);
  else if (magnitude > 0 && f.rule === "sixteenth_octave") {
    // the small addition lets a threshold that is a level keep it
    const steps = Math.floor(f.steps_per_octave * Math.log2(Math.max(magnitude, f.least_scale)) + 1e-9);
    const octaves = Math.floor(steps / f.steps_per_octave);
    scale = 2 ** octaves;
    zero = steps - octaves * f.steps_per_octave;
  } else if (magnitude > 0 && f.rule === "continuous") scale = Math.fround(Math.max(magnitude / f.largest, f.least_scale));
  const first = f.uniform ? f.qmin : 0;
  const [bottom, top] = unitEnds(live, zero);
  if (f.rule !== "fixed") scale = limited(scale, Math.max(Math.abs(bottom), Math.abs(top)), f.stepped);
  return { scale, zero, first, low: Math.fround(bottom * scale), high: Math.fround(top * scale) };
}

function affineQuantizer(live, low, high, magnitude) {
  const f = live.format;
  const rounded = (s) => Math.fround(s === 0 ? 1 : Math.max(s, TINY));
  let scale;
  let zero;
  if (live.meta.symmetric) {
    scale = rounded(magnitude / f.end);
    zero = f.middle;
  } else {
    const from = Math.min(low, 0);
    scale = rounded((Math.max(high, 0) - from) / (f.qmax - f.qmin));
    zero = clamp(roundEven(f.qmin - from / scale), f.qmin, f.qmax);
  }
  const first = f.qmin - zero;
  const last = f.qmax - zero;
  scale = limited(scale, Math.max(-first, last), false);
  return { scale, zero, first, low: Math.fround(first * scale), high: Math.fround(last * scale) };
}

function powerOfTwoAtLeast(x) {
  let exponent = Math.ceil(Math.log2(x));
  while (2 ** (exponent - 1) >= x) exponent -= 1; // the logarithm is rounded
  while (2 ** exponent < x) exponent += 1;
  return 2 ** clamp(exponent, -126, 127);
}

// A scale at which the largest level is still finite; only ranges near 3e38 are cut.
function limited(scale, largest, powersOfTwo) {
  let limit = nextFloat(Math.fround(LARGEST / largest), false);
  if (limit >= scale) return scale;
  if (powersOfTwo) limit = 2 ** Math.floor(Math.log2(limit));
  return Math.min(scale, limit);
}

function unitEnds(live, zero) {
  const f = live.format;
  if (f.uniform) return [f.qmin - zero, f.qmax - zero];
  if (f.fine) return [-Math.fround(2 ** (zero / f.steps_per_octave)), Math.fround(2 ** (zero / f.steps_per_octave))];
  const at = zero * f.n_levels;
  return [live.arrays.unit_level[at], live.arrays.unit_level[at + f.n_levels - 1]];
}

// Lists the levels and boundaries of a quantizer; the two arrays are the same ones on every frame.
function listLevels(live, q) {
  const f = live.format;
  const n = f.n_levels;
  const { unit_level, unit_boundary } = live.arrays;
  if (!live.levels) [live.levels, live.boundaries] = [new Float32Array(n), new Float32Array(n - 1)];
  const { levels, boundaries } = live;
  // integers: one row for all zero points, in which a window moves; others: a list for each zero point
  const start = f.uniform ? q.first - f.first_listed : q.zero * n;
  const oneWay = f.rule !== "fixed" && !f.rounding.startsWith("nearest") && f.rounding !== "stochastic";
  const skip = f.uniform ? start : q.zero * (n - 1);
  for (let i = 0; i < n; i++) levels[i] = unit_level[start + i] * q.scale;
  for (let i = 0; i < n - 1; i++)
    boundaries[i] = oneWay ? boundaryBetween(levels[i], levels[i + 1], f.rounding) : largestFitting(unit_boundary[skip + i], q.scale);
  if (f.zero_band > 0) {
    const below = nextFloat(-f.zero_band, false);
    for (let i = 0; i < n - 1; i++) boundaries[i] = boundaries[i] < 0 ? Math.min(boundaries[i], below) : Math.max(boundaries[i], f.zero_band);
  }
  q.levels = levels;
  q.boundaries = boundaries;
  const zero = search(levels, 0, false);
  q.atZero = levels[zero] === 0 ? zero : -1; // binary formats have no level at 0
}

// The largest float32 x with float32(x / scale) <= unit: what the kernel, which divides in float32, sends below it.
function largestFitting(unit, scale) {
  let x = Math.fround(unit * scale);
  for (let i = 0; i < 4 && Math.fround(x / scale) > unit; i++) x = nextFloat(x, false);
  for (let i = 0; i < 4; i++) {
    const next = nextFloat(x, true);
    if (Math.fround(next / scale) > unit) break;
    x = next;
  }
  return x;
}

// Modes that always round one way go by the levels themselves: see `boundaries_between` in formats/rounding.py.
function boundaryBetween(lower, upper, mode) {
  const belowUpper = nextFloat(upper, false);
  if (mode === "up") return lower;
  if (mode === "down") return belowUpper;
  if (lower >= 0) return belowUpper;
  if (upper <= 0) return lower;
  const middle = (lower + upper) / 2; // there is no level at 0: the nearer one, a tie is positive
  return Math.fround(middle) < middle ? Math.fround(middle) : nextFloat(Math.fround(middle), false);
}

// Index, from the lowest level, of the level that the kernel gives a float32 value (of fine formats in any mode).
function codeOf(live, q, x, mode = live.format.rounding) {
  const f = live.format;
  if (!f.fine) return search(q.boundaries, x, false);
  if (Math.abs(x) <= f.zero_band) x = 0;
  const v = Math.fround(x / q.scale);
  const code = f.uniform ? clamp(roundBy(mode, v), q.first, q.first + f.n_levels - 1) - q.first : logarithmicCode(f, q, v);
  const downwards = mode === "down" || (mode === "toward_zero" && x > 0);
  if (downwards && code > 0 && levelOf(live, q, code) > x) return code - 1;
  const upwards = mode === "up" || (mode === "toward_zero" && x < 0);
  return upwards && code < f.n_levels - 1 && levelOf(live, q, code) < x ? code + 1 : code;
}

// The nearest exponent: codes are -2^e in descending e, 0 at `top`, 2^e in ascending e.
function logarithmicCode(f, q, v) {
  const least = v < 0 ? 1 : 0; // the code of the smallest negative level stands for 0
  const smallest = 2 ** ((q.zero - f.top + least) / f.steps_per_octave);
  if (Math.abs(v) < smallest / 2) return f.top;
  const k = clamp(Math.floor(f.steps_per_octave * Math.log2(Math.abs(v)) - q.zero + f.top + 0.5), least, f.top);
  return v < 0 ? f.top - k : f.top + 1 + k;
}

function levelOf(live, q, index) {
  const f = live.format;
  if (!f.fine) return q.levels[index];
  if (f.uniform) return Math.fround((q.first + index) * q.scale);
  if (index === f.top) return 0;
  const k = index < f.top ? f.top - index : index - f.top - 1;
  return Math.sign(index - f.top) * Math.fround(2 ** ((k + q.zero - f.top) / f.steps_per_octave)) * q.scale;
}
