// The error of every observed tensor in graph order, with that before the last change behind it.

const PAD = { left: 34, right: 14, top: 10, bottom: 8 };
const FAR = 10; // tensors that PageUp and PageDown go along

function ticksOf(low, high) {
  const step = [5, 10, 20, 40, 80].find((s) => (high - low) / s <= 4) ?? 80;
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) ticks.push(t);
  return ticks;
}

const signed = (x) => `${x > 0 ? "+" : MINUS}${Math.abs(x).toFixed(1)}`;
const known = (value) => typeof value === "number"; // neither exact nor unknown
const isLow = (v, i) => v.cosine[i] !== null && v.cosine[i] < v.rule;

// What is to say about one tensor, in lines.
function wordsOf(v, i) {
  const lines = [number(v.depth[i]) === Infinity ? "exact: as in the float network" : `${decibels(v.depth[i])} dB · cosine ${v.cosine[i] === null ? "–" : v.cosine[i].toFixed(4).replace("-", MINUS)}`];
  if (isLow(v, i)) lines.push(`cosine below ${v.rule}: worth a look (rule of thumb)`);
  if (v.before && v.before[i] !== null && v.before[i] !== v.depth[i]) {
    const by = known(v.depth[i]) && known(v.before[i]) ? v.depth[i] - v.before[i] : null;
    lines.push(`${decibels(v.before[i])}${known(v.before[i]) ? " dB" : ""} before the last change${by === null || Math.abs(by) < 0.05 ? "" : `, ${signed(by)} dB`}`);
  }
  return lines;
}

// Places of tensors and values in a picture of this size; null where there is nothing to draw.
function scaleOf(v, width, height) {
  const all = [...v.depth, ...(v.before || [])].filter(known);
  if (width < 60 || height < 30 || !all.length) return null;
  let [low, high] = [Math.min(...all), Math.max(...all)];
  if (high - low < 4) [low, high] = [low - 2, high + 2];
  const [across, n] = [width - PAD.left - PAD.right, v.depth.length];
  return {
    low, high, width, height,
    x: (i) => PAD.left + (n > 1 ? (i * across) / (n - 1) : 0.5 * across),
    y: (value) => (value === "-inf" ? height - PAD.bottom : PAD.top + ((high - value) * (height - PAD.top - PAD.bottom)) / (high - low)),
    at: (px) => Math.round(Math.min(n - 1, Math.max(0, ((px - PAD.left) / across) * (n - 1)))),
  };
}

function drawDrop(picture, v, scale) {
  const { at, db } = v.drop;
  if (!known(v.depth[at]) || db < 0.05) return;
  const [x, bottom] = [scale.x(at), scale.y(v.depth[at])];
  const top = Math.max(PAD.top, scale.y(v.depth[at] + db));
  svg("path", { d: `M${x},${top}V${bottom}M${x - 3},${bottom - 5}L${x},${bottom}L${x + 3},${bottom - 5}`, class: "wb-depth-drop" }, picture);
  const right = x > 0.6 * scale.width;
  svg("text", { x: x + (right ? -7 : 7), y: Math.max(PAD.top + 8, (top + bottom) / 2 + 3), "text-anchor": right ? "end" : "start", class: "wb-depth-drop-words" }, picture, `${MINUS}${db.toFixed(1)} dB`);
}

function drawDepth(host, v, names) {
  host.querySelector("svg")?.remove();
  const scale = scaleOf(v, host.clientWidth, host.clientHeight);
  if (!scale) return null;
  const { x, y, low, high, width, height } = scale;
  const picture = svg("svg", { width, height, class: "wb-depth-svg", "aria-hidden": "true" });
  host.prepend(picture);
  for (const tick of ticksOf(low, high)) {
    svg("line", { x1: PAD.left, x2: width - PAD.right, y1: y(tick), y2: y(tick), class: "wb-depth-grid" }, picture);
    svg("text", { x: PAD.left - 6, y: y(tick) + 4, class: "wb-depth-tick" }, picture, String(tick).replace("-", MINUS));
  }
  const path = (values) => values.reduce((d, value, i) => {
    if (!known(value)) return d;
    return `${d}${i > 0 && known(values[i - 1]) ? "L" : "M"}${x(i).toFixed(1)},${y(value).toFixed(1)}`;
  }, "");
  if (v.before) svg("path", { d: path(v.before), class: "wb-depth-before" }, picture);
  svg("path", { d: path(v.depth), class: "wb-depth-now" }, picture);
  if (v.drop && v.drop.db !== null) drawDrop(picture, v, scale);
  v.depth.forEach((value, i) => {
    if (!isLow(v, i) || (!known(value) && value !== "-inf")) return;
    const dot = svg("circle", { cx: x(i), cy: y(value), r: 3.5, class: "wb-depth-low" }, picture);
    svg("title", {}, dot, `${names[i]}: cosine ${v.cosine[i].toFixed(4)}, below ${v.rule}`);
  });
  return scale;
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page wb-depth-page", "error along the depth");
  const all = h("button", { class: "wb-quiet-button", type: "button", text: "all samples", title: "the error over all evaluation samples again", onclick: () => model.send({ kind: "all_samples" }) });
  const one = h("span", { class: "wb-depth-sample" }, h("b"), all);
  const words = h("span", { class: "wb-depth-words" });
  const drop = h("button", { class: "wb-link wb-depth-fall", type: "button", title: "the tensor that spoils most: so far its SQNR lies below the least before it, and no other falls by more below an even share of the noise; a click selects it" });
  const low = h("span", { class: "wb-depth-count" });
  const line = h("div", { class: "wb-depth-line" }, one, words, drop, low);
  const tip = h("div", { class: "wb-depth-tip", hidden: true }, h("b"), h("div"));
  const dot = h("i", { class: "wb-depth-dot", hidden: true });
  const host = h("div", { class: "wb-depth", tabindex: "0", role: "slider", "aria-label": "tensor along the network", "aria-valuemin": "1" }, dot, tip);
  const none = h("p", { class: "wb-empty" });
  root.append(line, host, none);
  let scale = null;
  let place = -1; // the tensor that is pointed at, -1: the selected one
  const select = (i) => { if (model.get("names")[i] !== undefined) model.send({ kind: "select", tensor: model.get("names")[i] }); };

  function point(i) {
    place = i;
    const [v, names] = [model.get("view"), model.get("names")];
    const at = i < 0 ? names.indexOf(v.selected) : i;
    const shown = scale !== null && at >= 0 && at < v.depth.length;
    dot.hidden = tip.hidden = !shown;
    attr(host, "aria-valuenow", shown ? at + 1 : 1);
    attr(host, "aria-valuemax", Math.max(1, v.depth.length));
    attr(host, "aria-valuetext", shown ? `${names[at]}: ${wordsOf(v, at).join("; ")}` : `${v.depth.length} tensors; ${line.textContent}`);
    if (!shown) return;
    const [x, y] = [scale.x(at), known(v.depth[at]) ? scale.y(v.depth[at]) : v.depth[at] === "-inf" ? scale.y("-inf") : PAD.top];
    dot.style.transform = `translate(${x}px, ${y}px)`;
    put(tip.firstChild, names[at]);
    const lines = wordsOf(v, at);
    // the selected tensor's own words stay short, so that they cover little
    put(tip.lastChild, (i < 0 ? lines.slice(0, 1) : lines).join("\n"));
    const right = x > scale.width / 2;
    tip.style.left = right ? "" : `${x + 10}px`;
    tip.style.right = right ? `${scale.width - x + 10}px` : "";
    tip.style.top = `${Math.max(0, Math.min(y < scale.height / 2 ? y + 6 : y - tip.offsetHeight - 6, scale.height - tip.offsetHeight))}px`;
  }
  host.addEventListener("pointermove", (event) => { if (scale) point(scale.at(event.clientX - host.getBoundingClientRect().left)); });
  host.addEventListener("pointerleave", () => point(-1));
  host.addEventListener("click", (event) => { if (scale) select(scale.at(event.clientX - host.getBoundingClientRect().left)); });
  host.addEventListener("blur", () => point(-1));
  host.addEventListener("keydown", (event) => {
    const [v, names] = [model.get("view"), model.get("names")];
    const from = place < 0 ? names.indexOf(v.selected) : place;
    const last = v.depth.length - 1;
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: FAR, PageDown: -FAR }[event.key];
    const next = step ? from + step : { Home: 0, End: last }[event.key];
    if (next === undefined && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (next === undefined) select(from);
    else point(Math.min(last, Math.max(0, next)));
  });

  function paintLine(v, names) {
    one.hidden = v.sample === null;
    put(one.firstChild, `sample ${v.sample}`);
    put(words, `SQNR of each tensor, dB${v.before ? " · grey: before the last change" : ", against float, in order"}${v.updating ? " · updating…" : ""}`);
    words.title = words.textContent;
    drop.hidden = !v.drop || (v.drop.db !== null && v.drop.db < 0.05);
    if (!drop.hidden) put(drop, v.drop.db === null ? `not finite from ${names[v.drop.at]} on` : `spoils most: ${MINUS}${v.drop.db.toFixed(1)} dB at ${names[v.drop.at]}`);
    drop.onclick = () => select(v.drop.at);
    const tensors = v.depth.map((_, i) => i).filter((i) => isLow(v, i));
    low.hidden = !tensors.length;
    put(low, `${tensors.length} below cosine ${v.rule}`);
    low.title = tensors.map((i) => `${names[i]}: cosine ${v.cosine[i].toFixed(4)}`).join("\n");
  }
  const paint = () => {
    const [v, names] = [model.get("view"), model.get("names")];
    const drawn = v.depth.some((x) => known(x)) && names.length === v.depth.length;
    put(none, drawn ? "" : v.missing);
    none.hidden = drawn;
    host.hidden = !drawn;
    paintLine(v, names);
    line.hidden = !drawn && v.sample === null;
    words.hidden = !drawn;
    root.classList.toggle("wb-stale", v.updating);
    scale = drawn ? drawDepth(host, v, names) : null;
    point(place < v.depth.length ? place : -1);
  };
  listen(model, "change:view", paint, signal);
  listen(model, "change:names", paint, signal);
  const size = new ResizeObserver(paint);
  size.observe(host);
  signal?.addEventListener("abort", () => size.disconnect());
  paint();
  sayHello(model, signal);
}

export default { render };
