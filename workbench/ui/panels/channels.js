// The channels of a weight in the place of the plot: a line of words, the table, one channel below it.

const PATIENCE = 60; // ms, while an arrow key is held
const COPIES = [["Markdown", "the table as it is sorted now, as Markdown"], ["CSV", "the table as it is sorted now, as CSV, all digits"]];

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-channels", "channels of the tensor");
  const words = h("span", { class: "wb-chan-words" });
  const none = h("p", { class: "wb-missing-words" });
  let tensor = ""; // whose channels are shown
  let chosen = -1;
  let pending = 0;
  let moved = -Infinity; // when another row was chosen last
  let serial = 0;
  let waits = null; // {serial, channel, low, high}: a threshold on its way to Python

  function choose(channel) {
    chosen = channel;
    clearTimeout(pending);
    const ask = () => model.send({ kind: "choose", tensor, channel });
    const held = performance.now() - moved < 2 * PATIENCE;
    moved = performance.now();
    if (channel >= 0) pending = setTimeout(ask, held ? PATIENCE : 0);
    paintDetail();
  }
  function commit(channel, low, high) {
    waits = { serial: ++serial, channel, low, high };
    model.send({ kind: "range", tensor, channel, low, high, serial });
    paint();
  }

  const table = channelTable({ choose, commit });
  const detail = channelDetail(commit);
  const copies = COPIES.map(([name, title]) => {
    const button = copyButton(name, title, () => (name === "CSV" ? csvOf(table.cells(false)) : markdownOf(table.cells(true), table.cells(true)[0].map(() => true))));
    button.className = "wb-quiet-button";
    return button;
  });
  const line = h("div", { class: "wb-chan-line" }, words, h("span", { class: "wb-chan-copies" }, h("span", { class: "wb-muted", text: "copy" }), ...copies));
  const missing = h("div", { class: "wb-chan-missing" }, none);
  const larger = h("button", { class: "wb-quiet-button wb-chan-larger", type: "button", text: "larger", title: "give the chosen channel most of the room", "aria-pressed": "false", onclick: () => {
    const large = root.classList.toggle("wb-chan-large");
    attr(larger, "aria-pressed", large ? "true" : "false");
    put(larger, large ? "smaller" : "larger");
    table.resized();
    detail.resized();
  } });
  detail.element.append(larger);
  root.append(line, table.element, detail.element, missing);

  const data = () => {
    const found = channelData(model.get("figures"), model.get("ranges"));
    if (waits && found.top) {
      [found.bottom, found.top] = [found.bottom.slice(), found.top.slice()];
      [found.bottom[waits.channel], found.top[waits.channel]] = [waits.low, waits.high];
    }
    return found;
  };

  function paintDetail() {
    const v = model.get("view");
    const known = v.detail && v.detail.tensor === tensor && v.detail.channel === chosen ? v.detail : null;
    const found = known ? data() : null;
    if (!known && chosen >= 0) return; // what was shown stays for the moment until the next one is known
    detail.show(known, found?.top ? { bottom: found.bottom[chosen], top: found.top[chosen] } : null, v);
  }

  function paint() {
    const v = model.get("view");
    if (!v.open) return;
    const nothing = Boolean(v.missing);
    for (const part of [line, table.element, detail.element]) part.hidden = nothing;
    missing.hidden = !nothing;
    put(none, v.missing);
    if (nothing) { tensor = ""; return; }
    if (v.tensor !== tensor) {
      tensor = v.tensor;
      chosen = v.detail ? v.detail.channel : -1;
      waits = null;
      table.top();
    }
    put(words, v.words);
    words.title = v.words;
    root.classList.toggle("wb-stale", v.stale);
    table.show(data(), v, chosen);
    paintDetail();
  }

  listen(model, "change", paint, signal); // after all parts of a moment have come
  listen(model, "msg:custom", (message) => {
    if (message.kind !== "heard" || message.serial !== waits?.serial) return;
    waits = null;
    paint();
  }, signal);
  const size = new ResizeObserver(() => { table.resized(); detail.resized(); });
  size.observe(root);
  signal?.addEventListener("abort", () => { size.disconnect(); clearTimeout(pending); });
  paint();
  sayHello(model, signal);
}

export default { render };
