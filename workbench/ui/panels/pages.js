// The tabs of the network room, and the button that gives the room more height.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page-tabs", "pages about the network");
  const list = h("div", { class: "wb-tab-list", role: "tablist", "aria-label": "about the network" });
  const taller = h("button", { class: "wb-taller", type: "button", "aria-pressed": "false", "aria-label": "more height for this part", title: "more height for this part", text: "\u2195" });
  root.append(list, taller);

  const open = (name) => {
    const pages = root.closest(".wb-pages");
    if (pages) pages.dataset.page = name;
    for (const tab of list.children) {
      const selected = tab.dataset.page === name;
      attr(tab, "aria-selected", selected ? "true" : "false");
      attr(tab, "tabindex", selected ? "0" : "-1");
    }
  };
  const choose = (name) => {
    open(name);
    model.send({ kind: "open", page: name });
  };
  list.append(...model.get("view").tabs.map((tab) => h("button", {
    class: "wb-tab", type: "button", role: "tab", text: tab.title, title: tab.hint, data: { page: tab.name }, onclick: () => choose(tab.name),
  })));
  arrowKeys(list);
  taller.addEventListener("click", () => {
    const tall = appOf(root)?.classList.toggle("wb-foot-tall") ?? false;
    attr(taller, "aria-pressed", tall ? "true" : "false");
    requestAnimationFrame(() => root.closest(".wb-room-network")?.scrollIntoView({ block: "nearest" }));
  });
  const paint = () => open(model.get("view").open);
  listen(model, "change:view", paint, signal);
  paint();
  requestAnimationFrame(paint); // by then the panel is in its room
  sayHello(model, signal);
}

export default { render };
