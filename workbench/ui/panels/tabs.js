// Tabs above the plot, and the words that stand in its place while there is nothing to plot.

const PIECE = 1 << 20; // bytes of a file that go at a time
const VIEWS = [
  ["plot", "Plot", "the distribution of the tensor with its thresholds"],
  ["channels", "Channels", "a row for each output channel, the worst first"],
  ["sides", "Both", "weights and activations of the layer side by side"],
];

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-tabs", "tensors of the layer");
  const list = h("div", { class: "wb-tab-list", role: "tablist" });
  const caption = h("span", { class: "wb-tab-caption" });
  const words = h("p", { class: "wb-missing-words" });
  const coming = h("p", { class: "wb-coming wb-muted", role: "status" });
  const file = h("input", { type: "file", accept: ".npy,.npz", class: "wb-unseen", tabindex: "-1", "aria-hidden": "true", onchange: () => take(file.files[0]) });
  const choose = h("button", { class: "wb-quiet-button wb-choose-file", type: "button", text: "Choose a file…", title: "an .npy array, or .npz arrays by input name, samples on the first axis", onclick: () => file.click() });
  const missing = h("div", { class: "wb-missing", hidden: true }, words, choose, coming, file);
  let dropped = null; // the file whose bytes go to Python
  const views = VIEWS.map(([name, text, title]) =>
    h("button", { class: "wb-segment", type: "button", text, title, data: { view: name }, onclick: () => {
      turn(name);
      model.send({ kind: "view", view: name });
    } }));
  const seen = h("span", { class: "wb-segments wb-views", role: "group", "aria-label": "how the tensor is shown" }, ...views);
  root.append(h("div", { class: "wb-tab-line" }, list, seen, caption), missing);

  function turn(shown) {
    for (const view of views) attr(view, "aria-pressed", view.dataset.view === shown ? "true" : "false");
    for (const name of ["channels", "sides"]) appOf(root)?.classList.toggle(`wb-show-${name}`, name === shown);
  }

  function take(given) {
    if (!given || !model.get("view").drop) return;
    dropped = given;
    model.send({ kind: "file", name: given.name, size: given.size });
  }
  // Python asks for the next bytes when it has put down the last ones.
  listen(model, "msg:custom", (message) => {
    if (message.kind !== "more" || !dropped) return;
    const reader = new FileReader();
    reader.onload = () => model.send({ kind: "piece", bytes: reader.result.slice(reader.result.indexOf(",") + 1) });
    reader.onerror = () => put(coming, `${dropped.name} cannot be read.`);
    reader.readAsDataURL(dropped.slice(message.at, message.at + PIECE));
  }, signal);
  const over = (event) => {
    if (!model.get("view").drop || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would upload it
    missing.classList.toggle("wb-over", event.type !== "dragleave" && event.type !== "drop");
    if (event.type === "drop") take(event.dataTransfer.files[0]);
  };
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) missing.addEventListener(type, over);

  const paint = () => {
    const v = model.get("view");
    turn(v.seen);
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
    put(words, v.missing);
    choose.hidden = !v.drop;
    put(coming, v.coming);
    appOf(root)?.classList.toggle("wb-nothing", Boolean(v.missing));
  };
  arrowKeys(list);
  listen(model, "change:view", paint, signal);
  paint();
  requestAnimationFrame(paint); // by then the panel is in its app
  sayHello(model, signal);
}

export default { render };
