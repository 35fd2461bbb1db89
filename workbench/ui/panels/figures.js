// Live numbers in words: one way for the panel, its explanations and the rail.

function digits(x, n) {
  return Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5
    ? x.toExponential(n - 1).replace("e+", "e")
    : x.toFixed(Math.max(0, n - 1 - Math.floor(Math.log10(Math.abs(x)))));
}

// A number of any unit in three digits.
function figure3(x) {
  if (Number.isNaN(x) || x === undefined) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : `${MINUS}∞`;
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e4 || size < 1e-3 ? x.toExponential(2).replace("e+", "e") : size >= 100 ? x.toFixed(0) : x.toPrecision(3);
  return text.replaceAll("-", MINUS);
}

const DUST = 1e-15; // nats: what rounding leaves of a KL of 0

function withoutDust(kl) {
  return kl !== null && Math.abs(kl) < DUST ? 0 : kl;
}

// Fixed numbers of digits, so that nothing moves while they change.
function shownNumber(name, x) {
  if (name === "kl") x = withoutDust(x);
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : `${MINUS}∞`;
  if (name === "levels_used") return x.toLocaleString("en-US");
  if (name === "sqnr_db") return x.toFixed(2).replace("-", MINUS);
  if (name === "cosine") return x.toFixed(6).replace("-", MINUS);
  const value = name.endsWith("_fraction") ? 100 * x : x;
  return value === 0 ? "0" : digits(value, name.endsWith("_fraction") ? 3 : name === "max_abs" ? 4 : 3).replaceAll("-", MINUS);
}
