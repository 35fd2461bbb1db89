// Four bubbles beside what they speak of. Never modal: whoever starts to work is not asked again; "?" calls it back.

const SEEN = "workbench-tour-seen";
const GAP = 12; // px to what it points at
// [what it points at, the first of these that is there; title; words; what else it speaks of]
const STEPS = [
  [".wb-layers", "Layers", "Every layer with its formats and the error of its worst tensor. Pick one by mouse or arrow keys; the tabs beside it switch between weights and activations.", ".wb-tabs"],
  [".wb-handle, .wb-plot", "The handle", "Drag it: values beyond it are cut off, the steps between the rest get finer. All numbers follow while you move; arrow keys move it too. The small rings are where a method would put it.", ".wb-numbers"],
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

  // Beside what it speaks of, over neither that nor the output's figures.
  function place() {
    if (bubble.hidden || !app) return;
    const a = app.getBoundingClientRect();
    const within = (element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return { left: left - a.left, top: top - a.top, right: left - a.left + width, bottom: top - a.top + height };
    };
    const target = STEPS[step][0].split(", ").map((s) => app.querySelector(s)).find((e) => e && e.offsetParent) || app;
    const others = [".wb-figures, .wb-network", ...STEPS[step].slice(3)].join();
    const seen = [...app.querySelectorAll(others)].filter((e) => getComputedStyle(e).visibility === "visible");
    const [t, kept] = [within(target), [target, ...seen].map(within)];
    const [w, hgt] = [bubble.offsetWidth, bubble.offsetHeight];
    const inside = (x, most) => Math.max(8, Math.min(x, most - 8));
    const across = inside((t.left + t.right - w) / 2, a.width - w);
    const along = [0, 0.3, 0.6, 1].map((share) => inside(t.top + share * (t.bottom - t.top - hgt), a.height - hgt));
    const places = [ // [side of the bubble that points at it, left, top]
      ...along.map((top) => ["left", t.right + GAP, top]),
      ...along.map((top) => ["right", t.left - GAP - w, top]),
      ["up", across, t.bottom + GAP],
      ["down", across, t.top - GAP - hgt],
    ];
    const shared = (from, to, start, end) => Math.max(0, Math.min(to, end) - Math.max(from, start));
    const covered = ([, left, top]) => {
      const out = left < 0 || top < 0 || left + w > a.width || top + hgt > a.height ? w * hgt : 0;
      return kept.reduce((sum, r) => sum + shared(left, left + w, r.left, r.right) * shared(top, top + hgt, r.top, r.bottom), out);
    };
    const [side, x, y] = places.reduce((best, each) => (covered(each) < covered(best) ? each : best));
    const [left, top] = [inside(x, a.width - w), inside(y, a.height - hgt)];
    bubble.style.left = `${left}px`;
    bubble.style.top = `${top}px`;
    bubble.dataset.side = side;
    const middle = (from, to, length) => Math.max(14, Math.min((Math.max(from, 0) + Math.min(to, length)) / 2, length - 22));
    const upright = side === "up" || side === "down";
    arrow.style.left = upright ? `${middle(t.left - left, t.right - left, w)}px` : "";
    arrow.style.top = upright ? "" : `${middle(t.top - top, t.bottom - top, hgt)}px`;
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
