// Numbers as Python has them: float32 by Math.fround, and how arrays travel. The scripts up to live.js are plain functions
// without imports or a page, so that a test can evaluate them alone and hold them against numerics/.

const TINY = 1.1754943508222875e-38;
const LARGEST = 3.4028234663852886e38;
const ROUND = 6755399441055744; // 1.5 * 2^52: adding and subtracting it rounds a double to an integer, half to even
const bits32 = new Uint32Array(1);
const float32 = new Float32Array(bits32.buffer);

function roundEven(x) {
  return Math.abs(x) < 4503599627370496 ? x + ROUND - ROUND : x;
}

// The nearest whole number, halves away from zero or to even.
function roundBy(mode, x) {
  if (mode !== "nearest_away") return roundEven(x);
  return Math.trunc(x) + (Math.abs(x - Math.trunc(x)) >= 0.5 ? Math.sign(x) : 0);
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
