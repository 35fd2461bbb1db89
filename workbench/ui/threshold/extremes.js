// The largest and smallest values: pointing at their bins, or a button in the bar, says where they came from, and one
// click leaves their sample out of the calibration.

const NEAR_EXTREME = 5; // px
const MOST_NAMED = 6; // of one bin; the button lists all
const WAITS = { bin: 120, handle: 700, leave: 400 }; // ms: of the pointer, before it is told and before that goes away

function buildExtremes(plot, signal) {
  const { view, model } = plot;
  const box = make("div", "wb-extremes", view.root, { role: "dialog", "aria-label": "extreme values", tabindex: "-1", ...OWN_KEYS });
  const state = (plot.extremes = { box, listed: false, rows: [], timer: 0, from: "" });
  show(box, false);
  const later = (ms, what) => {
    clearTimeout(state.timer);
    state.timer = setTimeout(what, ms);
  };
  view.stage.addEventListener("pointermove", (event) => {
    if (state.listed) return;
    const rows = plot.dragging ? [] : extremesAt(plot, event);
    const from = rows.map((row) => row.value).join();
    if (rows.length && from === state.from) return void (box.hidden || clearTimeout(state.timer));
    state.from = from;
    if (rows.length) {
      const [x, y] = placeIn(view.root, event);
      later(event.target.closest(".wb-handle") ? WAITS.handle : WAITS.bin, () => openAt(plot, rows, x, y));
    } else if (box.hidden) clearTimeout(state.timer);
    else later(WAITS.leave, () => closeExtremes(plot));
  });
  view.stage.addEventListener("pointerleave", () => {
    state.from = "";
    if (!state.listed) later(WAITS.leave, () => closeExtremes(plot));
  });
  view.stage.addEventListener("pointerdown", () => closeExtremes(plot));
  box.addEventListener("pointerenter", () => clearTimeout(state.timer));
  box.addEventListener("pointerleave", () => { if (!state.listed) later(WAITS.leave, () => closeExtremes(plot)); });
  view.extremes.addEventListener("click", () => (state.listed ? closeExtremes(plot) : listExtremes(plot)));
  const escape = (event) => {
    if (event.key !== "Escape" || box.hidden) return;
    event.stopPropagation();
    const inside = box.contains(document.activeElement);
    closeExtremes(plot);
    if (inside) view.extremes.focus({ preventScroll: true });
  };
  box.addEventListener("keydown", escape);
  view.extremes.addEventListener("keydown", escape);
  const outside = (event) => { if (state.listed && !box.contains(event.target) && !view.extremes.contains(event.target)) closeExtremes(plot); };
  document.addEventListener("pointerdown", outside, true);
  model.on("change:extremes", () => extremesChanged(plot));
  signal?.addEventListener("abort", () => {
    document.removeEventListener("pointerdown", outside, true);
    clearTimeout(state.timer);
  });
  extremesChanged(plot);
}

function placeIn(element, event) {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

// Those whose bin of the counts is under the pointer.
function extremesAt(plot, event) {
  const { geometry, view, model, meta } = plot;
  if (!geometry || !meta) return [];
  const [x, y] = placeIn(view.stage, event);
  const strip = geometry.strips[0];
  if (y < strip.top || y > strip.bottom + 4 || x < geometry.left - 2 || x > geometry.right + 2) return [];
  const at = (row) => geometry.toPixel(meta.kind === "own_range" ? Math.abs(row.at) : row.at); // magnitudes there
  return (model.get("extremes").rows || []).filter((row) => Math.abs(at(row) - x) <= NEAR_EXTREME);
}

function openAt(plot, rows, x, y) {
  const { box } = plot.extremes;
  plot.extremes.rows = rows;
  writeExtremes(plot, rows.slice(0, MOST_NAMED), rows.length - MOST_NAMED);
  show(box, true);
  const width = plot.view.root.clientWidth;
  const left = x - box.offsetWidth - 12 > 0 ? x - box.offsetWidth - 12 : Math.min(x + 12, width - box.offsetWidth);
  place(box, Math.max(left, 0), y + 12);
}

function listExtremes(plot) {
  const { box } = plot.extremes;
  const { root, extremes } = plot.view;
  plot.extremes.listed = true;
  extremes.setAttribute("aria-expanded", "true");
  writeExtremes(plot, plot.model.get("extremes").rows || [], 0);
  show(box, true);
  const [outer, button] = [root.getBoundingClientRect(), extremes.getBoundingClientRect()];
  place(box, clamp(button.right - outer.left - box.offsetWidth, 0, Math.max(0, outer.width - box.offsetWidth)), button.bottom - outer.top + 4);
  (box.querySelector("button:not(:disabled)") || box).focus({ preventScroll: true });
}

function closeExtremes(plot) {
  const state = plot.extremes;
  clearTimeout(state.timer);
  [state.listed, state.rows, state.from] = [false, [], ""];
  plot.view.extremes.setAttribute("aria-expanded", "false");
  show(state.box, false);
}

// Another tensor, another calibration, or a sample that was set aside: what stands open says what holds now.
function extremesChanged(plot) {
  const state = plot.extremes;
  const { rows = [], aside = [] } = plot.model.get("extremes");
  plot.view.extremes.disabled = !rows.length && !aside.length;
  if (state.box.hidden) return;
  const focused = state.box.contains(document.activeElement);
  if (state.listed) writeExtremes(plot, rows, 0);
  else {
    const left = state.rows.filter((old) => rows.some((row) => row.at === old.at && row.place === old.place && row.sample === old.sample));
    if (!left.length) closeExtremes(plot);
    else writeExtremes(plot, left.slice(0, MOST_NAMED), left.length - MOST_NAMED);
  }
  if (focused && !state.box.hidden) (state.box.querySelector("button:not(:disabled)") || state.box).focus({ preventScroll: true });
}

function writeExtremes(plot, rows, more) {
  const { box } = plot.extremes;
  const { aside = [], why = "" } = plot.model.get("extremes");
  const offered = new Set();
  box.replaceChildren();
  let end = "";
  for (const row of rows) {
    if (row.end !== end) make("div", "wb-extremes-end", box).textContent = `${(end = row.end)} values`;
    const line = make("div", "wb-extreme", box);
    make("b", "", line).textContent = readable(row.value, 4);
    make("span", "wb-extreme-place", line).textContent = row.sample === null ? row.place : `sample ${row.sample} · ${row.place}`;
    if (row.sample === null || offered.has(row.sample)) continue;
    offered.add(row.sample);
    asideButton(plot, line, row.sample, aside.includes(row.sample), why);
  }
  if (more > 0) make("div", "wb-extremes-end", box).textContent = `and ${more} more`;
  const gone = aside.filter((sample) => !offered.has(sample));
  if (gone.length && plot.extremes.listed) {
    make("div", "wb-extremes-end", box).textContent = "set aside: not calibrated with";
    for (const sample of gone) {
      const line = make("div", "wb-extreme", box);
      make("b", "", line);
      make("span", "wb-extreme-place", line).textContent = `sample ${sample}`;
      asideButton(plot, line, sample, true, why);
    }
  }
  if (!box.childElementCount) make("div", "wb-extremes-end", box).textContent = "no extreme values are known";
}

function asideButton(plot, line, sample, isAside, why) {
  const button = make("button", "wb-quiet-button", line, BUTTON);
  button.textContent = isAside ? "take back" : "set aside";
  button.setAttribute("aria-label", isAside ? `take sample ${sample} back` : `set sample ${sample} aside`);
  button.title = why || (isAside ? `calibrate with sample ${sample} again` : `calibrate without sample ${sample}; ranges that a method chose are chosen anew`);
  button.disabled = Boolean(why);
  button.addEventListener("click", () => plot.model.send({ type: isAside ? "take_back" : "set_aside", sample }));
}
