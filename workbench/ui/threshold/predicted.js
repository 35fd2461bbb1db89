// The network's output SQNR at any range, between the measured points of the output curve; the rule of
// OutputCurve.predicted in workflow/output_curve.py. Without a page, as the scripts of live figures.

const LITTLE = 1e-30; // in place of no noise at all

// dB at a range of the handles; null where nothing is known.
function predictedAt(curve, low, high) {
  if (!curve || !curve.diagonal.at.length) return null;
  const factors = [low / curve.low, high / curve.high];
  const along = curve.high > 0 ? factors[1] : factors[0];
  if (!(curve.low < 0 && curve.high > 0) || !curve.crossing) return dbBetween(curve.diagonal, along);
  return ofTwoEnds(curve, ...factors.map((factor) => Math.max(factor, 1e-6)));
}

// Noise of one end alone adds to that of the other; what both cut off adds in amplitude, as where both have one factor.
function ofTwoEnds(curve, low, high) {
  const middle = Math.sqrt(low * high);
  const floor = noiseOf(dbBetween(curve.low_line, curve.crossing[0]));
  const [byLow, byHigh] = [noiseOf(dbBetween(curve.low_line, low)), noiseOf(dbBetween(curve.high_line, high))];
  const [lowMiddle, highMiddle] = [noiseOf(dbBetween(curve.low_line, middle)), noiseOf(dbBetween(curve.high_line, middle))];
  const both = noiseOf(dbBetween(curve.diagonal, middle));
  const cut = Math.sqrt(Math.max(byLow - floor, 0) * Math.max(byHigh - floor, 0));
  const cutMiddle = Math.sqrt(Math.max(lowMiddle - floor, 0) * Math.max(highMiddle - floor, 0));
  const joint = clamp((both - lowMiddle - highMiddle + floor) / Math.max(cutMiddle, LITTLE), 0, 2);
  return -10 * Math.log10(Math.max(byLow + byHigh - floor, floor / 2) + joint * cut);
}

const noiseOf = (db) => 10 ** (-db / 10);

// Linear over the logarithm of the factor, level beyond the ends.
function dbBetween({ at, db }, factor) {
  const last = at.length - 1;
  if (!(factor > at[0])) return db[0];
  if (factor >= at[last]) return db[last];
  const i = search(at, factor, true);
  const share = Math.log(factor / at[i - 1]) / Math.log(at[i] / at[i - 1]);
  return db[i - 1] + share * (db[i] - db[i - 1]);
}
