// KL divergence, and figures that only Python can compute, between the thresholds that it computed them at.

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
  const codeAt = ascendingCodes(live, q);
  let level = codeAt(centres[left]);
  for (let i = left; i <= right; ) {
    let group = counts[i];
    let filled = counts[i] > 0 ? 1 : 0;
    let j = i + 1;
    let next = -1;
    for (; j <= right && (next = codeAt(centres[j])) === level; j++) {
      group += counts[j];
      if (counts[j] > 0) filled += 1;
    }
    for (let k = i; k < j; k++) {
      if (!(counts[k] > 0)) continue;
      const p = counts[k] + (k === left ? below : 0) + (k === right ? above : 0);
      result += (p / total) * Math.log(((p / total) * kept * filled) / group);
    }
    i = j;
    level = next;
  }
  return Math.max(result, 0);
}

// `codeOf` for values that ascend from call to call: where levels are listed, one walk along the boundaries.
function ascendingCodes(live, q) {
  if (live.format.fine) return (x) => codeOf(live, q, x);
  const { boundaries } = q;
  let code = 0;
  return (x) => {
    while (code < boundaries.length && boundaries[code] < x) code += 1;
    return code;
  };
}

// A figure between its values at the nearest ratios (logarithms where all are positive). `smooth`: through four of them.
function fromColumn(live, name, ratio, smooth) {
  const column = live.arrays[`table_${name}`];
  const at = live.arrays.table_ratio;
  if (!column) return 0;
  const i = clamp(search(at, ratio, false), 1, at.length - 1);
  const x = clamp(ratio, at[0], at[at.length - 1]);
  const nodes = smooth && i > 1 && i < at.length - 1 ? [i - 2, i - 1, i, i + 1] : [i - 1, i];
  if (nodes.some((k) => column[k] === Infinity)) return Infinity;
  const positive = nodes.every((k) => column[k] > 0);
  let result = 0;
  for (const k of nodes) {
    let share = 1;
    for (const j of nodes) if (j !== k) share *= (x - at[j]) / (at[k] - at[j]);
    result += share * (positive ? Math.log(column[k]) : column[k]);
  }
  return positive ? Math.exp(result) : Math.max(0, result);
}

function fromTable(live, q, ratio) {
  const metrics = {};
  const smooth = !live.format.stepped; // scales that jump leave no smooth curve
  for (const name of ["rounding_mse", "clipping_mse", "kl", "max_abs", "saturated_fraction", "zeroed_fraction", "levels_used"])
    metrics[name] = fromColumn(live, name, ratio, smooth && name.endsWith("_mse"));
  metrics.mse = metrics.rounding_mse + metrics.clipping_mse;
  metrics.sqnr_db = metrics.mse === 0 ? Infinity : metrics.mse === Infinity ? -Infinity : 10 * Math.log10(live.tableSignal / metrics.mse);
  metrics.cosine = 1 - fromColumn(live, "one_minus_cosine", ratio, smooth);
  metrics.levels_used = Math.round(metrics.levels_used);
  return { q, ratio, metrics, below: 0, above: metrics.saturated_fraction * live.n, counts: new Float64Array(0) };
}
