// From plotly's private layout to pixels and back (one test in tests/browser holds these names), and the theme's colours.

const STRIPS = ["yaxis", "yaxis2", "yaxis3"];

// output: where the strip of the network's output is, shares [bottom, top] of the height, which plotly leaves empty for it;
// null without one. klShown: false where the strip of KL gave way.
function geometryOf(gd, output = null, klShown = true) {
  const layout = gd && gd._fullLayout;
  const x = layout && layout.xaxis;
  if (!x || !x._length || !x.d2p) return null;
  const strips = STRIPS.map((name) => {
    const y = layout[name];
    if (!y || y.visible === false || !y._length || (name === "yaxis3" && !klShown)) return null;
    return {
      top: y._offset,
      height: y._length,
      bottom: y._offset + y._length,
      log: y.type === "log",
      toPixel: (v) => y._offset + y.l2p(y.type === "log" ? Math.log10(v) : v),
    };
  });
  if (!strips[0]) return null;
  strips.push(output && strips[1] ? emptyStrip(layout._size, output) : null);
  const smallest = Number(layout.meta) || 0; // of a value axis that is logarithmic on both sides of zero
  return {
    left: x._offset,
    right: x._offset + x._length,
    width: layout.width,
    height: layout.height,
    strips,
    bottom: Math.max(...strips.filter(Boolean).map((s) => s.bottom)),
    range: [x.p2d(0), x.p2d(x._length)],
    warped: smallest > 0,
    toPlace: (v) => placeOf(v, smallest),
    fromPlace: (p) => valueAt(p, smallest),
    toPixel: (v) => x._offset + x.d2p(placeOf(v, smallest)),
    toValue: (px) => valueAt(x.p2d(px - x._offset), smallest),
  };
}

function emptyStrip(size, [from, to]) {
  const [top, height] = [size.t + (1 - to) * size.h, (to - from) * size.h];
  return { top, height, bottom: top + height };
}

const LINEAR_PART = 0.4; // decades; the rule of charts/value_axis.py

function placeOf(value, smallest) {
  if (!smallest) return value;
  const ratio = Math.abs(value) / smallest;
  return Math.sign(value) * (ratio > 1 ? LINEAR_PART + Math.log10(ratio) : LINEAR_PART * ratio);
}

function valueAt(place, smallest) {
  if (!smallest) return place;
  const size = Math.abs(place);
  return Math.sign(place) * smallest * (size > LINEAR_PART ? 10 ** (size - LINEAR_PART) : size / LINEAR_PART);
}

const LANE = 66; // px between counts and error: ruler, axis numbers and two rows of marks
const SMALLEST = LANE + 100; // px of all strips; less is no plot that anybody looks at
const GAP = 16; // px between strips of curves
const SHARES = { three: [0.57, 0.27, 0.16], four: [0.49, 0.22, 0.14, 0.15], low: [0.55, 0.25, 0, 0.2] }; // of the height that is left
const LOW = 225; // px left for four strips; with less they could not be read, and KL, whose figure and mark stay, gives way

// Shares of the height [bottom, top] for counts, error, KL and the network's output. They share whatever height there is,
// but what stands between them is as high as its text A strip that gives way stands unseen in the gap.
function domainsFor(height, curved, withOutput) {
  if (!curved) return { domains: [[0, 1]], output: null, klShown: false };
  const four = withOutput && height - LANE - 2 * GAP >= LOW;
  const shares = SHARES[!withOutput ? "three" : four ? "four" : "low"];
  const left = Math.max(height - LANE - (four ? 2 : 1) * GAP, 60);
  const gap = GAP / height;
  const [counts, error, kl, output] = shares.map((share) => (share * left) / height);
  const above = withOutput ? output + gap : 0; // where KL begins, or error where KL gave way
  const klShown = !withOutput || four;
  const start = klShown ? above + kl + gap : above;
  return { domains: [[1 - counts, 1], [start, start + error], [above, above + (kl || gap)]], output: withOutput ? [0, output] : null, klShown };
}

const TRIES = 5; // of drawing the strips at their heights, should plotly ever draw others

// Sets the strips' shares of the height where they are not right yet, and has plotly draw again where they are not drawn so.
function fitStrips(plot) {
  const { gd, meta } = plot;
  const layout = gd && gd._fullLayout;
  const size = layout && layout._size;
  if (!size || !meta || !gd.layout.yaxis || layout._replotting) return; // after a plot comes the next look
  const height = plot.view.stage.clientHeight - size.t - size.b;
  if (height < SMALLEST) return; // hidden for a moment: the next resize comes with a height that can be shared
  const curved = gd.layout.yaxis2?.visible === true; // as plotly draws: its message comes before the subject's
  const { domains, output, klShown } = domainsFor(height, curved, hasOutput(plot));
  [plot.outputShare, plot.klShown] = [output, klShown];
  plot.view.root.classList.toggle("wb-no-kl", curved && !klShown);
  let drawn = true;
  domains.forEach((domain, i) => {
    const [axis, full] = [gd.layout[STRIPS[i]], layout[STRIPS[i]]];
    if (!axis || !full) return;
    if (!axis.domain || domain.some((end, k) => Math.abs(axis.domain[k] - end) > 0.004)) axis.domain = domain;
    const off = size.t + (1 - axis.domain[1]) * size.h - full._offset;
    const longer = (axis.domain[1] - axis.domain[0]) * size.h - full._length;
    if (full.visible !== false && (Math.abs(off) > 1 || Math.abs(longer) > 1)) drawn = false;
  });
  if (curved) tellShares(plot, domains);
  if (drawn) plot.fitting = 0;
  else if (plot.fitting < TRIES) {
    plot.fitting += 1;
    drawAnew(gd);
  }
}

// So that Python draws the next tensor with them at once.
function tellShares(plot, shares) {
  if (JSON.stringify(plot.told) === JSON.stringify(shares)) return;
  plot.told = shares;
  try {
    plot.model.send({ type: "shares", shares });
  } catch (error) {
    if (error.message !== "Cannot send") throw error; // the app was closed: its plot is laid out once more while it goes
  }
}

// Plotly's resize draws where the size differs from the one it has noted, and takes new shares of it along.
function drawAnew(gd) {
  if (!gd._responsiveChartHandler) return;
  gd._fullLayout.height = gd.clientHeight + 2;
  gd._responsiveChartHandler();
}

const COLOURS = {
  paper: "--wb-paper",
  ink: "--wb-ink",
  muted: "--wb-muted",
  quantized: "--wb-quantized",
  quantizedText: "--wb-quantized-text",
  float: "--wb-float",
  grid: "--wb-grid",
  clipping: "--wb-clipping",
  clippingFill: "--wb-clipping-fill",
  rounding: "--wb-rounding",
  divergence: "--wb-divergence",
  veil: "--wb-veil",
  faint: "--wb-faint",
};

function coloursOf(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(Object.entries(COLOURS).map(([name, key]) => [name, style.getPropertyValue(key).trim()]));
}

// A focused element that JupyterLab must not read letters from: in command mode "x" would cut the cell.
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
const BUTTON = { type: "button", ...OWN_KEYS };

function make(tag, className, parent, attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (parent) parent.append(element);
  return element;
}

function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

function place(element, x, y) {
  element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
}
