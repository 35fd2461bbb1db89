// How much room the app has, and what becomes of its rooms: wide or narrow, high or low, or the whole screen.

const NARROW = 900; // px of width: below, the choice is a drawer and the bottom row is tabs
const LOW = 620; // px of height that can be seen at once: below, the bottom row is tabs,
const TIGHT = 1080; // and the choice is a drawer, too, up to this width
const FLAT = 480; // px of height: below, the choice is a drawer at any width

// fitted(): what else follows.
function fitting(app, signal, fitted) {
  const fit = () => {
    const [width, height] = [app.clientWidth, roomOf(app).height];
    if (!width || !height) return; // in a tab that is not shown
    const [narrow, low] = [width < NARROW, height < LOW];
    app.style.setProperty("--wb-room", `${Math.round(height)}px`);
    app.classList.toggle("wb-low", narrow || low);
    app.classList.toggle("wb-railed", narrow || (low && width < TIGHT) || height < FLAT);
    if (!app.classList.contains("wb-low")) openFoot(app, "");
    fitted();
  };
  const watched = new ResizeObserver(fit);
  watched.observe(app);
  const outer = app.closest(".jp-LinkedOutputView, .jp-WindowedPanel-outer, .jp-Notebook");
  if (outer) watched.observe(outer);
  document.addEventListener("fullscreenchange", fit, { signal });
  window.addEventListener("resize", fit, { signal });
  signal?.addEventListener("abort", () => watched.disconnect());
  fit();
}

// The whole screen, and back.
function turnFull(app) {
  const turned = document.fullscreenElement === app ? document.exitFullscreen() : app.requestFullscreen();
  turned.catch(() => {}); // refused by the browser: the app stays as it is
}

// In the low app the bottom row is tabs; part: "pages" or "inputs", what is open over the plot; "" for neither.
function openFoot(app, part) {
  app.dataset.foot = app.classList.contains("wb-low") ? part : "";
}

// A click on a tab of the bottom row opens its part, a second one closes it.
function footing(app, signal) {
  let before = null; // of the tab that is pressed: whether it was the open one
  const tabOf = (event) => event.target.closest?.(".wb-page-tabs .wb-tab, .wb-small-tab");
  const partOf = (tab) => (tab.classList.contains("wb-small-tab") ? "inputs" : "pages");
  app.addEventListener("click", (event) => {
    const tab = tabOf(event);
    before = tab && app.dataset.foot === partOf(tab) && tab.getAttribute("aria-selected") === "true";
  }, { capture: true, signal });
  app.addEventListener("click", (event) => {
    const tab = tabOf(event);
    if (tab) openFoot(app, before ? "" : partOf(tab));
  }, { signal });
  app.addEventListener("workbench-foot", () => openFoot(app, "pages"), { signal });
}
