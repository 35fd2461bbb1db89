// The present choice and its live numbers on a rail; the drawer that it opens; keys of the whole app.

const RAIL = [["sqnr_db", "SQNR", "dB", "ink"], ["mse", "MSE", "", "ink"], ["rounding_mse", "rounding", "", "rounding"], ["clipping_mse", "clipping", "", "clipping"], ["kl", "KL", "nats", "divergence"], ["saturated_fraction", "saturated", "%", "ink"]];

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-rail", "present choice");
  const [format, bits] = [h("b", { class: "wb-rail-format" }), h("span", { class: "wb-muted" })];
  const button = h("button", { class: "wb-rail-button", type: "button", "aria-expanded": "false", "aria-keyshortcuts": "c", title: "opens the choice and all numbers; key C" });
  const lines = RAIL.map(([name, title, unit, colour]) => {
    const value = h("b", { class: "wb-number-value", text: "–" });
    return { name, value, line: h("span", { class: `wb-rail-line wb-colour-${colour}` }, h("span", { class: "wb-rail-name", text: unit ? `${title} ${unit}` : title }), value) };
  });
  button.append(h("span", { class: "wb-rail-head" }, format, bits), ...lines.map(({ line }) => line), h("span", { class: "wb-rail-open", "aria-hidden": "true" }));
  root.append(button);

  const isOpen = () => appOf(root)?.classList.contains("wb-drawer-open") ?? false;
  const railed = () => appOf(root)?.classList.contains("wb-railed") ?? false;
  function show(open, focus) {
    const app = appOf(root);
    if (!app || isOpen() === open) return;
    app.classList.toggle("wb-drawer-open", open);
    attr(button, "aria-expanded", open ? "true" : "false");
    if (!focus) return;
    const first = open ? app.querySelector(".wb-formats :is([aria-checked=true], .wb-on)") || app.querySelector(".wb-formats button") : button;
    first?.focus({ preventScroll: true });
  }
  button.addEventListener("click", () => show(!isOpen(), true));

  // Keys of the app, where nothing in it took them: F the whole screen, C the drawer, Escape closes what is open.
  const keys = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const app = appOf(root);
    const takesLetters = event.target.closest("input, select, textarea, [role=dialog]");
    if (event.key === "Escape") {
      if (isOpen()) show(false, true);
      else if (app.dataset.foot) openFoot(app, "");
      else return;
    } else if (takesLetters) return;
    else if (event.key === "f") turnFull(app);
    else if (event.key === "c" && railed()) show(!isOpen(), true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  inApp(root, signal, (app) => {
    fitting(app, signal, () => { if (!railed()) show(false, false); });
    footing(app, signal);
    app.addEventListener("keydown", keys, { signal });
    app.addEventListener("workbench-screen", () => turnFull(app), { signal });
  });

  const say = (live) => {
    if (!live) attr(button, "aria-label", `choice: ${format.textContent}, SQNR ${lines[0].value.textContent} dB; opens the choice`);
  };
  const paint = () => {
    const v = model.get("view");
    put(format, v.tensor ? v.format : "–");
    put(bits, v.tensor ? `${v.bits} bit` : "");
    say(false);
  };
  document.addEventListener("workbench-live", ({ target, detail }) => {
    if (!(target instanceof Element) || appOf(target) !== appOf(root)) return;
    for (const { name, value } of lines) put(value, shownNumber(name, detail.metrics[name]));
    say(detail.live);
  }, { signal });
  listen(model, "change:view", paint, signal);
  paint();
  inApp(root, signal, () => root.dispatchEvent(new CustomEvent("workbench-ask", { bubbles: true })));
  sayHello(model, signal);
}

export default { render };
