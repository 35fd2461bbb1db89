// What stands behind each number: its formula, this tensor's own numbers put in, and what it means.

const BITS_PER_NAT = 1 / Math.LN2;
const DECIBELS_PER_BIT = 20 * Math.log10(2);

// name: of a metric; d: the detail of a "workbench-live" event. {formula, numbers, meaning}; numbers "" where there are none.
function explanationOf(name, d) {
  const m = d.metrics;
  const known = (x) => x !== null && x !== undefined && Number.isFinite(x);
  const n = d.n.toLocaleString("en-US");
  const shown = (x, digitsShown = 3) => (x === 0 ? "0" : digits(x, digitsShown).replaceAll("-", MINUS));
  const count = (share) => `${Math.round(share * d.n).toLocaleString("en-US")} of ${n} values`;
  const meanSquare = known(m.mse) && known(m.sqnr_db) ? m.mse * 10 ** (m.sqnr_db / 10) : null;
  const root = meanSquare ? `${shown(100 * Math.sqrt(m.mse / meanSquare), 2)} % of the values' own root mean square` : "";
  switch (name) {
    case "mse": return {
      formula: "MSE = Σ (x − y)² / n = rounding + clipping, where y is what x becomes",
      numbers: known(m.mse) ? `${shown(m.rounding_mse)} + ${shown(m.clipping_mse)} = ${shown(m.mse)}, n = ${n}` : "",
      meaning: known(m.mse) ? `A typical value is off by √MSE = ${shown(Math.sqrt(m.mse))}${root ? `, ${root}` : ""}.` : "A value has become infinite.",
    };
    case "rounding_mse": return {
      formula: "Σ (x − y)² / n over the values between the end levels; evenly spaced levels and smooth data give about s² / 12, s the step",
      numbers: d.step ? `s = ${shown(d.step)}: s² / 12 = ${shown(d.step ** 2 / 12)}; here ${shown(m.rounding_mse)}` : known(m.rounding_mse) ? shown(m.rounding_mse) : "",
      meaning: `It grows with the square of the step: a lower threshold makes it smaller.${known(m.mse) && m.mse > 0 ? ` Here it is ${shown((100 * m.rounding_mse) / m.mse, 2)} % of the MSE.` : ""}`,
    };
    case "clipping_mse": return {
      formula: "Σ (x − y)² / n over the values beyond the end levels, which all become the end level",
      numbers: known(m.saturated_fraction) ? `${count(m.saturated_fraction)} are cut off and add ${shown(m.clipping_mse)}` : "",
      meaning: "It falls as the threshold grows. The least MSE lies where both parts change equally fast.",
    };
    case "sqnr_db": return {
      formula: "SQNR = 10 log₁₀(Σ x² / Σ (x − y)²), the signal against the quantization noise",
      numbers: meanSquare ? `10 log₁₀(${shown(meanSquare)} / ${shown(m.mse)}) = ${m.sqnr_db.toFixed(2).replace("-", MINUS)} dB` : "",
      meaning: meanSquare ? `The error is ${root}. One bit more gives about ${DECIBELS_PER_BIT.toFixed(1)} dB.` : "Nothing is lost: the error is 0.",
    };
    case "kl": return {
      formula: "KL = Σ P ln(P / Q) over 2048 bins, exact zeros a bin of their own; P: the values, those beyond the range added to the last bin inside; Q: each level's values spread evenly over its bins",
      numbers: known(m.kl) ? `${shown(withoutDust(m.kl))} nats = ${shown(withoutDust(m.kl) * BITS_PER_NAT)} bits` : "",
      meaning: known(m.kl) && withoutDust(m.kl) === 0 ? "The levels are finer than the bins: no difference is seen." : "How surprised somebody would be who expects the quantized histogram and meets the real one. 0: they are alike.",
    };
    case "cosine": return {
      formula: "x · y / (|x| |y|), the cosine of the angle between the tensor before and after",
      numbers: known(m.cosine) ? `cos ${shown((Math.acos(Math.min(1, m.cosine)) * 180) / Math.PI, 3)}° = ${m.cosine.toFixed(6)}` : "",
      meaning: "1: the direction is kept. It does not see a common factor. Below 0.98 a layer deserves a look.",
    };
    case "max_abs": return {
      formula: "max |x − y| over all values",
      numbers: known(m.max_abs) ? `${shown(m.max_abs, 4)}${d.step ? ` = ${shown(m.max_abs / d.step)} steps of ${shown(d.step)}` : ""}` : "",
      meaning: d.step && m.max_abs > 0.51 * d.step ? "More than half a step: the worst value is one that is cut off." : "The worst single value; half a step where nothing is cut off.",
    };
    case "saturated_fraction": return {
      formula: "share of the values beyond the end levels, which all become the end level",
      numbers: known(m.saturated_fraction) ? count(m.saturated_fraction) : "",
      meaning: "A few may be worth it: the steps of all the others get finer.",
    };
    case "zeroed_fraction": return {
      formula: "share of the values that are not 0 and become 0: |x| up to half a step, or up to the pruning band",
      numbers: known(m.zeroed_fraction) ? `${count(m.zeroed_fraction)}${d.step ? `, those up to ${shown(d.step / 2)}` : ""}` : "",
      meaning: "Small values carry little energy each, but a layer can live on many of them.",
    };
    default: return {
      formula: "number of levels that at least one value goes to",
      numbers: known(m.levels_used) && d.n_levels ? `${m.levels_used.toLocaleString("en-US")} of ${d.n_levels.toLocaleString("en-US")}: ${Math.log2(Math.max(1, m.levels_used)).toFixed(2)} of ${Math.log2(d.n_levels).toFixed(2)} bits` : "",
      meaning: "Levels that nobody uses are bits that are stored for nothing: a lower threshold uses more of them.",
    };
  }
}
