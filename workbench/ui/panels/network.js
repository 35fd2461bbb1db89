// Output figures on the left, error along the depth on the right.

const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, parent) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent?.append(element);
  return element;
}

function line(parent, label, unit, metric, meaning) {
  const value = h("b", { class: "wb-number-value", data: metric ? { metric } : undefined, text: "–" });
  const units = h("span", { class: "wb-number-unit", text: unit });
  parent.append(h("div", { class: "wb-number", title: meaning }, h("span", { text: label }), value, units, h("span", { class: "wb-number-why", text: "?" })));
  return { value, units };
}

function ticksOf(low, high) {
  const step = [5, 10, 20, 40, 80].find((s) => (high - low) / s <= 4) ?? 80;
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high; t += step) ticks.push(t);
  return ticks;
}

function drawDepth(host, v, names, send) {
  const width = host.clientWidth, height = host.clientHeight;
  host.replaceChildren();
  if (width < 60 || height < 40 || !v.depth || !v.depth.some((x) => x !== null)) return;
  const all = [...v.depth, ...(v.before || [])].filter((x) => x !== null);
  let [low, high] = [Math.min(...all), Math.max(...all)];
  if (high - low < 4) [low, high] = [low - 2, high + 2];
  const pad = { left: 34, right: 12, top: 8, bottom: 6 };
  const n = v.depth.length;
  const x = (i) => pad.left + (n > 1 ? (i * (width - pad.left - pad.right)) / (n - 1) : 0.5 * (width - pad.left - pad.right));
  const y = (value) => pad.top + ((high - value) * (height - pad.top - pad.bottom)) / (high - low);
  const picture = svg("svg", { width, height, class: "wb-depth-svg", role: "img", "aria-label": "SQNR of each tensor along the network, dB" }, host);
  for (const tick of ticksOf(low, high)) {
    svg("line", { x1: pad.left, x2: width - pad.right, y1: y(tick), y2: y(tick), class: "wb-depth-grid" }, picture);
    svg("text", { x: pad.left - 6, y: y(tick) + 4, class: "wb-depth-tick" }, picture).textContent = String(tick).replace("-", MINUS);
  }
  const path = (values) => values.reduce((d, value, i) => {
    if (value === null) return d;
    const joined = i > 0 && values[i - 1] !== null;
    return `${d}${joined ? "L" : "M"}${x(i).toFixed(1)},${y(value).toFixed(1)}`;
  }, "");
  if (v.before) svg("path", { d: path(v.before), class: "wb-depth-before" }, picture);
  svg("path", { d: path(v.depth), class: "wb-depth-now" }, picture);
  const dot = svg("circle", { r: 4, class: "wb-depth-dot" }, picture);
  const label = svg("text", { class: "wb-depth-label" }, picture);
  const point = (i, selected) => {
    const known = i >= 0 && v.depth[i] !== null;
    for (const element of [dot, label]) element.setAttribute("visibility", known ? "visible" : "hidden");
    if (!known) return;
    dot.setAttribute("cx", x(i));
    dot.setAttribute("cy", y(v.depth[i]));
    const change = v.before && v.before[i] !== null ? v.depth[i] - v.before[i] : null;
    const by = change === null || Math.abs(change) < 0.05 ? "" : `, ${change > 0 ? "+" : MINUS}${Math.abs(change).toFixed(1)} dB by the last change`;
    const text = `${names[i]}: ${decibels(v.depth[i])} dB${by}`;
    label.textContent = selected && text.length > 60 ? `${text.slice(0, 58)}…` : text;
    const right = x(i) > width / 2;
    label.setAttribute("text-anchor", right ? "end" : "start");
    label.setAttribute("x", right ? x(i) - 8 : x(i) + 8);
    label.setAttribute("y", y(v.depth[i]) < height / 2 ? y(v.depth[i]) + 18 : y(v.depth[i]) - 8);
  };
  const chosen = names.indexOf(v.selected);
  point(chosen, true);
  const at = (event) => Math.round(Math.min(n - 1, Math.max(0, ((event.offsetX - pad.left) / (width - pad.left - pad.right)) * (n - 1))));
  picture.addEventListener("pointermove", (event) => point(at(event), false));
  picture.addEventListener("pointerleave", () => point(chosen, true));
  picture.addEventListener("click", (event) => send(names[at(event)]));
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-network", "network output");
  const count = h("span", { class: "wb-muted" });
  const left = h("div", { class: "wb-network-figures" }, h("div", { class: "wb-room-head" }, h("h3", { class: "wb-heading", text: "Network output" }), count));
  const sqnr = line(left, "SQNR", "dB", null, "signal to quantization noise at the output");
  const kl = line(left, "KL of output", "nats", "output_kl", "mean over samples of KL(float ‖ quantized) of the class probabilities");
  const agreement = line(left, "same as float", "%", null, "share of samples whose largest output is the float network's");
  const change = line(left, "by last change", "dB", "output_change_db", "output SQNR now minus before the last change, on the same samples");
  const host = h("div", { class: "wb-depth" });
  const words = h("span", { class: "wb-muted", text: "SQNR of each tensor against float, dB · in order · grey: before the last change" });
  const right = h("div", { class: "wb-network-depth" }, h("div", { class: "wb-room-head" }, h("h3", { class: "wb-heading", text: "Error along the depth" }), words), host);
  const none = h("p", { class: "wb-empty" });
  right.append(none);
  root.append(left, right);

  const paint = () => {
    const v = model.get("view");
    const o = v.output;
    put(count, o ? `${o.n.toLocaleString("en-US")}${o.n < o.of ? ` of ${o.of.toLocaleString("en-US")}` : ""} samples${v.updating ? " · updating…" : ""}` : "");
    put(sqnr.value, o ? decibels(o.sqnr_db) : "–");
    const metric = (cell, raw, text) => { attr(cell.value, "data-value", raw === null || raw === undefined ? "" : String(number(raw))); put(cell.value, text); };
    metric(kl, o?.kl, o && o.kl !== null ? (o.kl === 0 ? "0" : o.kl < 1e-3 ? o.kl.toExponential(2).replace("-", MINUS) : o.kl.toFixed(4)) : "–");
    put(agreement.value, percent(o?.agreement));
    const by = o ? number(o.change_db) : null;
    metric(change, by, by === null || by === undefined ? "–" : Math.abs(by) < 0.05 ? "0.0" : `${by > 0 ? "+" : MINUS}${Math.abs(by).toFixed(1)}`);
    left.classList.toggle("wb-stale", v.updating);
    const drawn = Boolean(v.depth && v.depth.some((x) => x !== null));
    put(none, drawn ? "" : v.has_data ? (o ? "Nothing is quantized: the network is exact." : "Comes after calibration.") : "No data yet: wb.App(model, data) runs the network and compares.");
    none.hidden = drawn;
    drawDepth(host, v, model.get("names"), (tensor) => model.send({ kind: "select", tensor }));
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
