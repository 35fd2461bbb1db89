// All background work in one list: how far it is, how long yet, stop and resume.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-work-room", "background work");
  const anchor = () => appOf(root)?.querySelector(".wb-facts") || root;
  const list = h("div", { class: "wb-work-list", "aria-live": "polite" });
  const popup = popupOf(anchor, "wb-work", "background work", { width: 430, opened: (box) => { box.replaceChildren(list); paint(); }, closed() {} });
  const lines = new Map();

  function lineOf(topic) {
    if (lines.has(topic)) return lines.get(topic);
    const [what, words, bar] = [h("span", { class: "wb-work-what" }), h("span", { class: "wb-work-words" }), h("i")];
    const button = h("button", { class: "wb-button wb-small", type: "button" });
    button.addEventListener("click", () => model.send({ kind: button.dataset.verb, topic }));
    const line = { element: h("div", { class: "wb-work-line", data: { topic } }, what, words, button, h("div", { class: "wb-work-bar" }, bar)), what, words, bar, button };
    lines.set(topic, line);
    return line;
  }

  function paint() {
    if (!popup.isOpen()) return;
    const { rows, trouble } = model.get("view");
    const shown = rows.map((row) => {
      const line = lineOf(row.topic);
      const verb = row.condition === "stopped" ? "resume" : "stop";
      put(line.what, row.what);
      put(line.words, row.condition === "runs" ? row.words || (row.share === null ? "runs" : `${Math.round(100 * row.share)} %`) : row.condition);
      put(line.button, verb === "stop" ? "Stop" : "Resume");
      line.button.dataset.verb = verb;
      attr(line.button, "aria-label", `${verb} ${row.what}`);
      line.bar.style.width = `${100 * (row.share ?? 0)}%`;
      line.element.classList.toggle("wb-running", row.condition === "runs");
      return line.element;
    });
    const said = trouble.map((text) => h("p", { class: "wb-work-trouble", text }));
    if (!shown.length) said.push(h("p", { class: "wb-muted", text: "Nothing runs in the background." }));
    const wanted = [...shown, ...said];
    const kept = [...list.children].filter((child) => child.dataset.topic);
    if (kept.length === shown.length && kept.every((child, i) => child === shown[i])) { // buttons keep the focus
      for (const child of [...list.children].slice(kept.length)) child.remove();
      list.append(...said);
    } else list.replaceChildren(...wanted);
    popup.place();
  }
  listen(model, "change:view", paint, signal);
  hearApp(root, signal, "workbench-work", () => (popup.isOpen() ? popup.hide(true) : popup.show()));
  signal?.addEventListener("abort", () => popup.hide(false));
  sayHello(model, signal);
}

export default { render };
