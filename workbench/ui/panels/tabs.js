// Tabs above the plot, and the words that stand in its place while there is nothing to plot.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-tabs", "tensors of the layer");
  const list = h("div", { class: "wb-tab-list", role: "tablist" });
  const caption = h("span", { class: "wb-tab-caption" });
  const missing = h("div", { class: "wb-missing", hidden: true }, h("p", { class: "wb-missing-words" }));
  const views = [["plot", "Plot", "the distribution of the tensor with its thresholds"], ["channels", "Channels", "a row for each output channel, the worst first"]].map(([name, text, title]) =>
    h("button", { class: "wb-segment", type: "button", text, title, data: { view: name }, onclick: () => {
      turn(name === "channels");
      model.send({ kind: "channels", open: name === "channels" });
    } }));
  const seen = h("span", { class: "wb-segments wb-views", role: "group", "aria-label": "how the tensor is shown" }, ...views);
  root.append(h("div", { class: "wb-tab-line" }, list, seen, caption), missing);

  function turn(channels) {
    for (const view of views) attr(view, "aria-pressed", (view.dataset.view === "channels") === channels ? "true" : "false");
    appOf(root)?.classList.toggle("wb-show-channels", channels);
  }

  const paint = () => {
    const v = model.get("view");
    turn(v.channels);
    const key = JSON.stringify(v.tabs);
    if (list.dataset.tabs !== key) {
      list.dataset.tabs = key;
      list.replaceChildren(...v.tabs.map((tab) => h("button", {
        class: "wb-tab", type: "button", role: "tab", text: tab.title, title: tab.tensor, data: { tensor: tab.tensor },
        onclick: () => model.send({ kind: "select", tensor: tab.tensor }),
      })));
    }
    for (const tab of list.children) {
      const selected = tab.dataset.tensor === v.selected;
      attr(tab, "aria-selected", selected ? "true" : "false");
      attr(tab, "tabindex", selected ? "0" : "-1");
    }
    put(caption, v.caption);
    caption.title = v.caption;
    missing.hidden = !v.missing;
    put(missing.firstChild, v.missing);
    appOf(root)?.classList.toggle("wb-nothing", Boolean(v.missing));
  };
  arrowKeys(list);
  listen(model, "change:view", paint, signal);
  paint();
  requestAnimationFrame(paint); // by then the panel is in its app
  sayHello(model, signal);
}

export default { render };
