// What the choices do to the output: one line a figure, with its uncertainty.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-network", "network output");
  const title = h("h3", { class: "wb-heading", text: "Output" });
  const outputs = h("select", { class: "wb-select wb-network-output", "aria-label": "output", title: "which output of the network", hidden: true, onchange: () => model.send({ kind: "output", output: outputs.value }) });
  const count = h("span", { class: "wb-network-count" });
  const list = h("div", { class: "wb-network-rows", tabindex: "0", role: "group", "aria-label": "figures of the output" });
  root.append(h("div", { class: "wb-room-head" }, title, outputs, count), list);

  const lines = [];
  function lineOf(at) {
    if (!lines[at]) {
      const cells = ["name", "text", "spread", "unit"].map((part) => h("span", { class: `wb-network-${part}` }));
      const line = h("div", { class: "wb-network-row" }, ...cells);
      lines[at] = { line, cells };
      list.append(line);
    }
    return lines[at];
  }
  const paint = () => {
    const v = model.get("view");
    const many = (n) => n.toLocaleString("en-US");
    const words = v.n ? `${many(v.n)}${v.n < v.of ? ` of ${many(v.of)}` : ""} samples${v.updating ? " · updating…" : ""}` : v.has_data ? "comes after calibration" : "no data yet";
    put(count, words);
    count.title = words;
    outputs.hidden = v.outputs.length < 2;
    if (!outputs.hidden) fillSelect(outputs, v.outputs.map((name) => ({ value: name, title: name })), v.output);
    v.rows.forEach((row, i) => {
      const { line, cells } = lineOf(i);
      [row.name, row.text, row.spread, row.unit].forEach((text, part) => put(cells[part], text));
      attr(line, "title", row.meaning);
      attr(cells[1], "data-metric", row.metric);
      attr(cells[1], "data-value", row.metric ? String(number(row.value) ?? "") : null);
      line.hidden = false;
    });
    lines.slice(v.rows.length).forEach(({ line }) => { line.hidden = true; });
    root.classList.toggle("wb-stale", v.updating);
  };
  listen(model, "change:view", paint, signal);
  paint();
  sayHello(model, signal);
}

export default { render };
