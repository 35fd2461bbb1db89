// Two small drawings: distributions over one another, and a range against the number of samples.

const short = (x) => (x === 0 ? "0" : Math.abs(x) >= 1e4 || Math.abs(x) < 1e-3 ? x.toExponential(1).replace("e+", "e") : String(+x.toPrecision(3))).replace("-", MINUS);

function text(parent, x, y, content, className, anchor = "start") {
  svg("text", { x, y, class: className, "text-anchor": anchor }, parent).textContent = content;
}

function pictureIn(host, label) {
  const [width, height] = [host.clientWidth, host.clientHeight];
  host.replaceChildren();
  if (width < 80 || height < 40) return null;
  return { width, height, picture: svg("svg", { width, height, class: "wb-quality-svg", role: "img", "aria-label": label }, host) };
}

// Shares on a logarithmic scale: what the tails do is the question.
function drawOverlay(host, v) {
  const made = pictureIn(host, `distribution of ${v.tensor} in calibration${v.bins?.evaluation ? " and evaluation" : ""} data`);
  if (!made || !v.bins) return;
  const { width, height, picture } = made;
  const pad = { left: 4, right: 4, top: 14, bottom: 15 };
  const { low, high, calibration, evaluation } = v.bins;
  const all = [...calibration, ...(evaluation || [])].filter((share) => share > 0);
  if (!all.length) return; // nothing but zeros
  const [most, least] = [Math.log10(Math.max(...all)), Math.max(Math.log10(Math.min(...all)), Math.log10(Math.max(...all)) - 7) - 0.4];
  const n = calibration.length;
  const x = (value) => pad.left + ((value - low) * (width - pad.left - pad.right)) / (high - low || 1);
  const y = (share) => height - pad.bottom - (share > 0 ? Math.max(0, (Math.log10(share) - least) / (most - least)) : 0) * (height - pad.top - pad.bottom);
  const edge = (i) => low + (i * (high - low)) / n;
  const floor = height - pad.bottom;
  const steps = (shares) => shares.map((share, i) => `L${x(edge(i)).toFixed(1)},${y(share).toFixed(1)}L${x(edge(i + 1)).toFixed(1)},${y(share).toFixed(1)}`).join("");
  svg("line", { x1: pad.left, x2: width - pad.right, y1: floor, y2: floor, class: "wb-quality-axis" }, picture);
  for (const tick of roundTicks(low, high, Math.max(2, width / 80))) text(picture, Math.min(width - 14, Math.max(12, x(tick))), height - 3, short(tick), "wb-quality-tick", "middle");
  svg("path", { d: `M${x(low)},${floor}${steps(calibration)}L${x(high)},${floor}Z`, class: "wb-quality-calibration" }, picture);
  if (evaluation) svg("path", { d: `M${x(low)},${floor}${steps(evaluation)}L${x(high)},${floor}`, class: "wb-quality-evaluation" }, picture);
  if (v.span) {
    const [a, b] = v.span;
    for (const [from, to] of [[low, a], [b, high]]) if (to > from) svg("rect", { x: x(from), y: pad.top, width: Math.max(0, x(Math.min(to, high)) - x(from)), height: floor - pad.top, class: "wb-quality-cut" }, picture);
    for (const [bound, out] of [[a, "←"], [b, "→"]]) {
      const near = 0.01 * (high - low); // beside the edge is as good as on it
      const at = x(Math.min(high, Math.max(low, bound)));
      if (bound >= low - near && bound <= high + near) svg("line", { x1: at, x2: at, y1: pad.top, y2: floor, class: "wb-quality-bound" }, picture);
      else text(picture, out === "←" ? pad.left : width - pad.right, pad.top + 9, out === "←" ? `← ${short(bound)}` : `${short(bound)} →`, "wb-quality-tick wb-quality-ink", out === "←" ? "start" : "end");
    }
  }
}

// Bands of 5 to 95 % of random sets of samples around their median, for either end of the range.
function drawAgainst(host, v) {
  const a = v.against;
  const made = pictureIn(host, a ? `range of ${v.tensor} against the number of samples; ${a.headline}` : "range against the number of samples");
  if (!made || !a || a.n.length < 2) return;
  const { width, height, picture } = made;
  const pad = { left: 36, right: 12, top: 8, bottom: 15 };
  const ends = [...a.low, ...a.high].flat();
  let [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)];
  const room = (high - low || 1) * 0.06;
  [low, high] = [low < 0 ? low - room : low, high > 0 ? high + room : high];
  const [first, last] = [Math.log2(a.n[0]), Math.log2(a.n[a.n.length - 1])];
  const x = (n) => pad.left + ((Math.log2(n) - first) * (width - pad.left - pad.right)) / (last - first || 1);
  const y = (value) => pad.top + ((high - value) * (height - pad.top - pad.bottom)) / (high - low || 1);
  for (const tick of roundTicks(low, high, Math.max(3, height / 28))) {
    svg("line", { x1: pad.left, x2: width - pad.right, y1: y(tick), y2: y(tick), class: "wb-quality-grid" }, picture);
    text(picture, pad.left - 5, y(tick) + 4, short(tick), "wb-quality-tick", "end");
  }
  const every = Math.ceil(a.n.length / Math.max(2, (width - pad.left) / 34));
  a.n.forEach((n, i) => {
    if ((a.n.length - 1 - i) % every === 0) text(picture, x(n), height - 3, n.toLocaleString("en-US"), "wb-quality-tick", "middle");
  });
  const flat = (rows) => rows.every(([from, , to]) => Math.abs(to) + Math.abs(from) < 1e-9 * (high - low));
  for (const rows of [a.high, a.low]) {
    if (flat(rows)) continue;
    const up = rows.map((row, i) => `${x(a.n[i]).toFixed(1)},${y(row[2]).toFixed(1)}`);
    const down = rows.map((row, i) => `${x(a.n[i]).toFixed(1)},${y(row[0]).toFixed(1)}`).reverse();
    svg("polygon", { points: [...up, ...down].join(" "), class: "wb-quality-band" }, picture);
    svg("polyline", { points: rows.map((row, i) => `${x(a.n[i]).toFixed(1)},${y(row[1]).toFixed(1)}`).join(" "), class: "wb-quality-median" }, picture);
  }
  if (v.span) for (const bound of v.span) {
    if (bound > low && bound < high && bound !== 0) svg("line", { x1: pad.left, x2: width - pad.right, y1: y(bound), y2: y(bound), class: "wb-quality-bound" }, picture);
  }
  if (a.enough) svg("line", { x1: x(a.enough), x2: x(a.enough), y1: pad.top, y2: height - pad.bottom, class: "wb-quality-enough" }, picture);
}
