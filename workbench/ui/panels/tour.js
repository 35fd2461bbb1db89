// Four bubbles. Never modal: whoever starts to work is not asked again; "?" calls it back.

const SEEN = "workbench-tour-seen";
const STEPS = [
  [".wb-layers", "Layers", "Every layer with its formats and the error of its worst tensor. Pick one by mouse or arrow keys; the tabs beside it switch between weights and activations."],
  [".wb-handle, .wb-plot", "The handle", "Drag it: values beyond it are cut off, the steps between the rest get finer. All numbers follow while you move; arrow keys move it too. The small rings are where a method would put it."],
  [".wb-rail, .wb-formats", "The choice", "FP32, FP16, BF16, INT8 and more, each with the error it has on this tensor. “Apply format to” says how far a click reaches."],
  [".wb-primary", "Export", "Writes the file for a target, reads it back and says whether it computes exactly what you saw here. Undo takes back anything before."],
];

function remembered() {
  try { return localStorage.getItem(SEEN) !== null; } catch { return true; }
}

function remember() {
  try { localStorage.setItem(SEEN, "1"); } catch { /* private windows have no memory */ }
}

function render({ el, signal }) {
  const root = rootOf(el, "wb-tour", "tour");
  const title = h("b");
  const words = h("p");
  const where = h("span", { class: "wb-muted" });
  const skip = h("button", { class: "wb-link", type: "button", text: "Skip" });
  const next = h("button", { class: "wb-button wb-primary-small", type: "button", text: "Next" });
  const arrow = h("i", { class: "wb-bubble-arrow", "aria-hidden": "true" });
  const bubble = h("div", { class: "wb-bubble", role: "dialog", "aria-label": "Tour of the app", hidden: true }, arrow, title, words, h("div", { class: "wb-bubble-line" }, where, skip, next));
  root.append(bubble);
  let step = -1;
  let app = null;

  function place() {
    if (bubble.hidden || !app) return;
    const target = STEPS[step][0].split(", ").map((s) => app.querySelector(s)).find((e) => e && e.offsetParent) || app;
    const [a, t] = [app.getBoundingClientRect(), target.getBoundingClientRect()];
    const { offsetWidth: w, offsetHeight: hgt } = bubble;
    let left, top, side;
    if (step === 0) [left, top, side] = [t.left - a.left + 24, t.bottom - a.top + 10, "up"]; // over the bottom room
    else if (step === 3) [left, top, side] = [t.right - a.left - w, t.bottom - a.top + 12, "up"];
    else if (step === 2) [left, top, side] = [t.left - a.left - w - 12, t.top - a.top, "right"];
    else [left, top, side] = [t.left - a.left - w - 14, t.top - a.top + Math.min(80, t.height / 4), "right"];
    left = Math.max(8, Math.min(left, a.width - w - 8));
    top = Math.max(8, Math.min(top, a.height - hgt - 8));
    bubble.style.left = `${left}px`;
    bubble.style.top = `${top}px`;
    bubble.dataset.side = side;
    const x = t.left - a.left + t.width / 2 - left;
    arrow.style.left = side === "up" ? `${Math.max(14, Math.min(x, w - 22))}px` : "";
  }

  function show(at, focus) {
    step = at;
    const open = at >= 0 && at < STEPS.length;
    bubble.hidden = !open;
    if (!open) { remember(); return; }
    const [, head, text] = STEPS[at];
    put(title, head);
    put(words, text);
    put(where, `${at + 1} of ${STEPS.length}`);
    put(next, at === STEPS.length - 1 ? "Done" : "Next");
    place();
    if (focus) next.focus();
  }
  next.addEventListener("click", () => show(step + 1, true));
  skip.addEventListener("click", () => show(-1));
  bubble.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") { show(-1); app?.querySelector(".wb-button")?.focus(); }
  });
  const called = () => show(0, true);
  const away = (event) => { if (!bubble.hidden && !bubble.contains(event.target) && !event.target.closest?.(".wb-button")) show(-1); };
  const keys = (event) => { if (event.key === "Escape" && !bubble.hidden) show(-1); };
  const size = new ResizeObserver(place);
  const attach = () => {
    app = appOf(root);
    if (!app) { if (!signal?.aborted) requestAnimationFrame(attach); return; }
    app.addEventListener("workbench-tour", called);
    app.addEventListener("pointerdown", away, true);
    app.addEventListener("keydown", keys);
    size.observe(app);
    if (!remembered()) setTimeout(() => { if (!signal?.aborted && step < 0 && !remembered()) show(0, false); }, 1200);
  };
  attach();
  signal?.addEventListener("abort", () => {
    size.disconnect();
    app?.removeEventListener("workbench-tour", called);
    app?.removeEventListener("pointerdown", away, true);
    app?.removeEventListener("keydown", keys);
  });
}

export default { render };
