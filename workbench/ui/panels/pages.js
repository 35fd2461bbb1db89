// The tabs of the network room, and buttons for more room: for this part, for the app on the screen, in a tab of its own.

// JupyterLab follows a click on an element with this attribute; the cell that was clicked is the active one by then.
const NEW_VIEW = { "data-commandlinker-command": "notebook:create-output-view" };
const ICONS = { "save-page": "M6 1v6M3.5 4.5L6 7l2.5-2.5M1 8v3h10V8", taller: "M6 1v10M3 4l3-3 3 3M3 8l3 3 3-3", "new-view": "M4 4V1h7v7H8M1 4h7v7H1z", screen: "M1 4V1h3M8 1h3v3M11 8v3H8M4 11H1V8" };

function iconOf(name) {
  const icon = svg("svg", { viewBox: "0 0 12 12", width: 12, height: 12, "aria-hidden": "true" });
  svg("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.2 }, icon);
  return icon;
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page-tabs", "pages about the network");
  const list = h("div", { class: "wb-tab-list", role: "tablist", "aria-label": "about the network" });
  const button = (name, label, title, rest = {}) => h("button", { class: `wb-room-button wb-${name}`, type: "button", "aria-label": label, title, ...rest }, iconOf(name));
  const taller = button("taller", "more height for this part", "more height for this part", { "aria-pressed": "false" });
  const view = button("new-view", "open in a tab of its own", "open in a tab of its own: a second view of the same app, which can be dragged anywhere", NEW_VIEW);
  const save = button("save-page", "save picture of this page", "save picture of this page, as SVG or PNG", { "aria-haspopup": "dialog" });
  const screen = button("screen", "full screen", "the whole screen, and back; key F", { "aria-pressed": "false", "aria-keyshortcuts": "f" });
  screen.hidden = !document.fullscreenEnabled;
  const announce = (event) => appOf(root)?.dispatchEvent(new CustomEvent(event));
  root.append(list, h("div", { class: "wb-page-buttons" }, save, taller, view, screen));

  const open = (name) => {
    const pages = root.closest(".wb-pages");
    if (pages) pages.dataset.page = name;
    save.hidden = !model.get("view").tabs.find((tab) => tab.name === name)?.picture;
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
    class: "wb-tab", type: "button", role: "tab", text: tab.title, title: `${tab.title}: ${tab.hint}`, data: { page: tab.name }, onclick: () => choose(tab.name),
  })));
  arrowKeys(list);
  taller.addEventListener("click", () => {
    const tall = appOf(root)?.classList.toggle("wb-foot-tall") ?? false;
    attr(taller, "aria-pressed", tall ? "true" : "false");
    announce("workbench-foot");
    requestAnimationFrame(() => root.closest(".wb-room-network")?.scrollIntoView({ block: "nearest" }));
  });
  save.addEventListener("click", () => {
    const detail = { of: model.get("view").open, anchor: save };
    appOf(root)?.dispatchEvent(new CustomEvent("workbench-picture", { detail }));
  });
  screen.addEventListener("click", () => announce("workbench-screen"));
  inApp(root, signal, (app) => {
    view.hidden = !app.closest(".jp-LabShell") || Boolean(app.closest(".jp-LinkedOutputView"));
    document.addEventListener("fullscreenchange", () => {
      const full = document.fullscreenElement === app;
      attr(screen, "aria-pressed", full ? "true" : "false");
      view.hidden = full || !app.closest(".jp-LabShell") || Boolean(app.closest(".jp-LinkedOutputView"));
    }, { signal });
  });
  // Nothing is worked out for pages that are folded in every view.
  const id = Math.random().toString(36).slice(2);
  let known = null;
  const tellFolded = (app) => {
    const folded = app.classList.contains("wb-low") && app.dataset.foot !== "pages";
    if (folded === known) return;
    known = folded;
    model.send({ kind: "fold", view: id, folded, gone: false });
  };
  inApp(root, signal, (app) => {
    const watched = new MutationObserver(() => tellFolded(app));
    watched.observe(app, { attributes: true, attributeFilter: ["class", "data-foot"] });
    tellFolded(app);
    signal?.addEventListener("abort", () => {
      watched.disconnect();
      try { model.send({ kind: "fold", view: id, folded: false, gone: true }); } catch { /* the app was closed */ }
    });
  });
  const paint = () => open(model.get("view").open);
  const told = (content) => { if (content.kind === "unfold") announce("workbench-foot"); }; // led here by a click elsewhere, or by Python
  listen(model, "msg:custom", told, signal);
  listen(model, "change:view", paint, signal);
  paint();
  requestAnimationFrame(paint); // by then the panel is in its room
  sayHello(model, signal);
}

export default { render };
