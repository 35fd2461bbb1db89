// The columns of the table of channels: where a figure comes from, how it is written, what it means.

const shareText = (x) => (Number.isNaN(x) ? "–" : x > 0 && x < 5e-4 ? "<0.1" : (100 * x).toFixed(1));

// low, high, saturated, mse, sqnr, share: Float64Array; bottom, top: the chosen ranges, null where there are none.
function channelData(figures, ranges) {
  const doubles = (view) => new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const all = doubles(figures);
  const n = all.length / 6;
  const part = (i) => all.subarray(i * n, (i + 1) * n);
  const chosen = doubles(ranges);
  const [low, high, saturated, mse, sqnr, share] = [0, 1, 2, 3, 4, 5].map(part);
  const size = low.map((x, i) => Math.max(Math.abs(x), Math.abs(high[i])));
  const widest = size.reduce((a, b) => (b > a ? b : a), 0);
  const own = chosen.length === 2 * n && n > 0;
  return { n, low, high, saturated, mse, sqnr, share, size, widest, bottom: own ? chosen.subarray(0, n) : null, top: own ? chosen.subarray(n) : null };
}

// [name, heading, meaning, value of a channel, its text, whether the largest come first when it is sorted]
function channelColumns(data, view) {
  const columns = [
    ["channel", "ch", "number of the output channel", (i) => i, (i) => String(i), false],
    ["range", "range", "from the least to the largest value of the channel, on the range of the whole tensor; sorted by its largest magnitude", (i) => data.size[i], (i) => figure3(data.size[i]), true],
    ["low", "min", "least value", (i) => data.low[i], (i) => figure3(data.low[i]), false],
    ["high", "max", "largest value", (i) => data.high[i], (i) => figure3(data.high[i]), true],
  ];
  if (data.top) {
    const whose = `${view.whose}${view.editable ? "; Enter or a click in a row edits it" : ""}`;
    if (!view.mirrored) columns.push(["bottom", "lower", `lower threshold, ${whose}`, (i) => data.bottom[i], (i) => figure3(data.bottom[i]), false]);
    columns.push(["top", view.mirrored ? "T" : "upper", `${view.mirrored ? "threshold" : "upper threshold"}, ${whose}`, (i) => data.top[i], (i) => figure3(data.top[i]), true]);
  }
  return [...columns,
    ["saturated", "sat. %", "share of the channel's values beyond its end levels, %", (i) => 100 * data.saturated[i], (i) => shareText(data.saturated[i]), true],
    ["mse", "MSE", "mean squared error of the channel", (i) => data.mse[i], (i) => figure3(data.mse[i]), true],
    ["sqnr", "SQNR dB", "signal to quantization noise ratio of the channel, dB", (i) => data.sqnr[i], (i) => decibels(Number.isNaN(data.sqnr[i]) ? null : data.sqnr[i]), false],
    ["share", "error %", "part of the squared error of the whole tensor, %", (i) => 100 * data.share[i], (i) => shareText(data.share[i]), true],
  ];
}

// Least width in px and share of what is left.
const WIDTHS = { channel: [30, 0.5], range: [38, 2], low: [43, 0.8], high: [43, 0.8], bottom: [45, 0.9], top: [45, 0.9], saturated: [38, 0.6], mse: [50, 1], sqnr: [37, 0.8], share: [54, 1.6] };
const GAP = 4;
const leastWidth = (columns) => columns.reduce((sum, [name]) => sum + WIDTHS[name][0] + GAP, 2 * GAP);

const USUAL = ["channel", "range", "low", "high", "bottom", "top", "saturated", "mse", "sqnr", "share"];
const TIGHT = ["channel", "range", "bottom", "top", "share", "sqnr", "mse", "saturated", "low", "high"];

// Where there is no room for all, what says least comes last: the bar of the range shows its ends too.
function fitted(columns, width) {
  const order = leastWidth(columns) <= width ? USUAL : TIGHT;
  return [...columns].sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
}
