// The draggable plot: one subject at a time, live figures on every frame, Python told when a handle is let go.

const NO_ERROR = {
  mse: 0, rounding_mse: 0, clipping_mse: 0, sqnr_db: Infinity, cosine: 1, kl: 0, max_abs: 0,
  saturated_fraction: 0, zeroed_fraction: 0, levels_used: null,
};

function buildView(el) {
  const root = make("div", "wb-plot", el);
  const head = make("div", "wb-plot-head", root);
  const view = { root, title: make("span", "wb-plot-title", head), caption: make("span", "wb-plot-caption", head) };
  buildBar(view);
  view.stage = make("div", "wb-plot-stage", root);
  view.single = make("canvas", "wb-plot-canvas wb-plot-single", view.stage, { "aria-hidden": "true" });
  view.figure = make("div", "wb-plot-figure", view.stage);
  view.canvas = make("canvas", "wb-plot-canvas", view.stage, { "aria-hidden": "true" });
  view.dots = make("canvas", "wb-plot-canvas wb-plot-dots", view.stage, { "aria-hidden": "true" });
  view.notes = {};
  for (const name of ["above", "below", "mirror", "zeros", "words", "sample"]) view.notes[name] = make("div", `wb-note wb-note-${name}`, view.stage);
  view.bands = make("div", "wb-bands", view.stage);
  view.output = buildOutput(view.stage);
  view.sentence = make("p", "wb-sentence", root);
  view.spoken = make("div", "wb-unseen", root, { "aria-live": "polite" });
  return view;
}

function render({ model, el, host, signal }) {
  const view = buildView(el);
  const plot = { model, view, meta: null, live: null, output: null, low: 0, high: 0, handles: [], sent: 0, fitting: 0, dragging: null, changed: null };
  plot.limitsOf = (bound) => limitsOf(plot, bound);
  plot.colours = coloursOf(view.root);
  plot.fontFamily = getComputedStyle(view.root).fontFamily || "sans-serif";
  buildExtremes(plot, signal);
  buildSamples(plot);
  let queued = 0;
  const repaint = () => {
    if (!queued) queued = requestAnimationFrame(() => { queued = 0; measure(); });
  };
  const measure = () => {
    fitStrips(plot);
    plot.geometry = geometryOf(plot.gd, plot.outputShare, plot.klShown);
    if (plot.meta && plot.geometry) layoutPlot(plot);
    if (plot.meta) paint(plot);
  };

  const actions = {
    repaint,
    move(bound, value) {
      rememberBefore(plot);
      setBound(plot, bound, value);
      plot.exact = null;
      recompute(plot);
      paint(plot);
      tell(plot, true);
    },
    commit() {
      if (plot.low === plot.committed.low && plot.high === plot.committed.high) return actions.cancel(); // back where it was
      plot.sent += 1;
      plot.settled = null;
      plot.waiting = false;
      plot.committed = { low: plot.low, high: plot.high };
      model.send({ type: "commit", key: plot.meta.key, serial: plot.sent, low: plot.low, high: plot.high });
      put(view.spoken, view.sentence.textContent);
    },
    cancel() {
      if (plot.waiting) return applySubject(plot, actions);
      [plot.low, plot.high, plot.changed] = [plot.committed.low, plot.committed.high, null];
      plot.exact = plot.settled;
      plot.was = null;
      recompute(plot);
      paint(plot);
      tell(plot, false);
    },
    reset() {
      jump(plot, plot.meta.whole);
      actions.commit();
    },
    adopt(mark) {
      jump(plot, mark);
      plot.sent += 1;
      plot.settled = null;
      plot.committed = { low: plot.low, high: plot.high };
      model.send({ type: "adopt", key: plot.meta.key, serial: plot.sent, name: mark.name });
    },
  };

  model.on("change:subject", () => {
    applySubject(plot, actions);
    repaint();
  });
  model.on("change:before", repaint);
  model.on("change:output", () => {
    applyOutput(plot, actions);
    repaint();
  });
  model.on("change:show_codes", () => {
    writeLegend(plot);
    repaint();
  });
  view.codes.addEventListener("click", () => {
    model.set("show_codes", !model.get("show_codes"));
    model.save_changes();
  });
  for (const [name, buttons, pressed] of [["log_counts", view.counts, 0], ["log_axis", view.axes, 1]]) {
    model.on(`change:${name}`, () => paintControls(plot));
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      model.set(name, i === pressed);
      model.save_changes();
    }));
  }
  view.unzoom.addEventListener("click", () => model.send({ type: "unzoom" }));

  const theme = new MutationObserver(() => {
    plot.colours = coloursOf(view.root);
    repaint();
  });
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "class"] });
  const size = new ResizeObserver(() => {
    fitStrips(plot);
    if (plot.gd && plot.gd._responsiveChartHandler) plot.gd._responsiveChartHandler();
    plot.colours = coloursOf(view.root);
    if (plot.meta) tell(plot, false);
    repaint();
  });
  size.observe(view.stage);
  const asked = (event) => { if (plot.meta && sameApp(event.target, view.root)) tell(plot, false); };
  document.addEventListener("workbench-ask", asked);
  const hello = () => model.send({ type: "hello" });
  const timer = setTimeout(hello, 1000);
  view.root.addEventListener("pointerenter", hello, { once: true });
  signal?.addEventListener("abort", () => {
    theme.disconnect();
    size.disconnect();
    clearTimeout(timer);
    document.removeEventListener("workbench-ask", asked);
  });

  if (model.get("subject").kind) applySubject(plot, actions);
  compose(plot, model, host, signal, repaint).catch((error) => {
    make("p", "wb-plot-failed", view.stage, { role: "alert" }).textContent = `The plot could not be drawn; run the cell again. ${error.message}`;
    throw error;
  });
}

// The plotly graph div: the composed FigureWidget renders into it.
async function compose(plot, model, host, signal, repaint) {
  const gd = await graphDivIn(plot.view.figure, model.get("figure"), host, signal);
  if (!gd) return;
  plot.view.figure = gd;
  while (!gd.on && !signal?.aborted) await pause(20); // plotly takes its time on a busy page
  for (let i = 0; i < 600 && !geometryOf(gd) && !signal?.aborted; i++) await new Promise(requestAnimationFrame);
  if (signal?.aborted) return;
  plot.gd = gd;
  const heard = { plotly_afterplot: repaint, plotly_relayouting: repaint, plotly_relayout: repaint, plotly_doubleclick: () => model.send({ type: "unzoom" }) };
  for (const [name, callback] of Object.entries(heard)) {
    gd.on(name, callback);
    signal?.addEventListener("abort", () => gd.removeListener(name, callback));
  }
  plot.view.root.classList.add("wb-drawn");
  if (gd._responsiveChartHandler) gd._responsiveChartHandler();
  repaint();
}

function limitsOf(plot, bound) {
  const { limits, data, symmetric } = plot.meta;
  const least = data.absmax / 1024;
  if (symmetric) return [Math.min(least, limits.high), limits.high];
  if (bound === "high") return [limits.low < 0 ? 0 : Math.min(least, limits.high), limits.high];
  return [limits.low, limits.high > 0 ? 0 : Math.max(-least, limits.low)];
}

function setBound(plot, bound, value) {
  const [least, most] = limitsOf(plot, bound);
  plot[bound] = clamp(value, least, most);
  if (plot.meta.symmetric) plot.low = plot.meta.one_sided ? 0 : -plot.high;
  else if (plot.high - plot.low < plot.meta.data.absmax / 1024) {
    // an empty range has no step: the other end stays, this one stops short of it
    if (bound === "high") plot.high = Math.max(plot.low + plot.meta.data.absmax / 1024, 0);
    else plot.low = Math.min(plot.high - plot.meta.data.absmax / 1024, 0);
  }
  plot.changed = plot.changed && plot.changed !== bound ? "both" : bound;
}

function jump(plot, range) {
  rememberBefore(plot);
  [plot.low, plot.high] = [plot.meta.symmetric ? (plot.meta.one_sided ? 0 : -range.high) : range.low, range.high];
  plot.changed = "both";
  plot.exact = null;
  recompute(plot);
  paint(plot);
  tell(plot, true);
}

// A subject from Python. One that answers an older commit than the last one sent is out of date, and while a handle
// is held nothing replaces what the person sees.
function applySubject(plot, actions) {
  const meta = plot.model.get("subject");
  const sameTensor = plot.meta && plot.meta.key === meta.key;
  if (sameTensor && meta.heard < plot.sent) return;
  if (sameTensor && plot.dragging) return void (plot.waiting = true);
  plot.waiting = false;
  letGo(plot);
  plot.was = null;
  const before = plot.meta && plot.live ? { low: plot.low, high: plot.high } : null;
  plot.meta = meta;
  plot.live = meta.kind === "handles" || meta.kind === "levels" ? makeLive(meta, readArrays(meta.arrays, plot.model.get("data"))) : null;
  plot.binWidth = meta.bin_width;
  plot.changed = null;
  plot.sent = Math.max(plot.sent, meta.heard);
  plot.settled = plot.exact = meta.error ? numbersOf(meta.error) : meta.untouched ? NO_ERROR : null;
  if (plot.live) {
    [plot.low, plot.high] = [meta.range.low, meta.range.high];
    if (sameTensor && before && meta.kind === "handles" && sameQuantizer(plot, before)) [plot.low, plot.high] = [before.low, before.high];
    plot.committed = { low: plot.low, high: plot.high };
  }
  readOutput(plot);
  put(plot.view.title, meta.title);
  put(plot.view.caption, meta.caption);
  makeHandles(plot, actions);
  makeMarks(plot, actions.adopt);
  recompute(plot);
  writeLegend(plot);
  if (plot.geometry) layoutPlot(plot);
  paint(plot);
  tell(plot, false);
}

// A handle that was held while another tensor came is held no more: its range is not for this one.
function letGo(plot) {
  plot.dragging = null;
  plot.view.root.classList.remove("wb-dragging");
  for (const handle of plot.handles) handle.pressed = handle.keyed = false;
}

// Whether the range that was let go gives the very quantizer that Python now shows: then the handle stays where it is.
function sameQuantizer(plot, range) {
  if (plot.meta.groups || plot.live.format.rule === "unknown") return Math.abs(range.high - plot.meta.range.high) < 1e-5;
  const q = quantizerFor(plot.live, range.low, range.high);
  return q.scale === Math.fround(plot.meta.scale) && q.zero === plot.meta.zero_point;
}

function numbersOf(error) {
  const read = (v) => (v === "inf" ? Infinity : v === "-inf" ? -Infinity : v);
  return Object.fromEntries(Object.entries(error).map(([name, v]) => [name, Array.isArray(v) ? v.map(read) : read(v)]));
}

function makeHandles(plot, actions) {
  const wanted = plot.meta.kind !== "handles" ? [] : plot.meta.symmetric ? ["high"] : ["high", "low"];
  if (plot.handles.map((h) => h.bound).join() !== wanted.join()) {
    for (const handle of plot.handles) handle.element.remove();
    plot.handles = wanted.map((bound) => makeHandle(plot, bound, actions));
    for (const handle of plot.handles) watchHandle(handle, actions.repaint);
  }
  for (const handle of plot.handles) handle.element.setAttribute("aria-label", NAMES[plot.meta.symmetric ? "one" : handle.bound]);
}

// The live figures at the present range; exact ones, once Python has sent them, take their place.
function recompute(plot) {
  plot.shown = plot.live ? liveMetrics(plot.live, plot.low, plot.high) : { metrics: {}, counts: null };
  if (plot.exact) plot.shown = { ...plot.shown, metrics: { ...plot.shown.metrics, ...plot.exact } };
}

// The event that the panels paint.
function tell(plot, live) {
  const root = plot.view.root;
  const { interval, ...metrics } = plot.shown.metrics;
  const detail = {
    metrics, low: plot.low, high: plot.high, live, n: plot.meta.n, interval: live ? null : interval || null, n_samples: live ? 0 : plot.meta.n_samples,
    output_sqnr_db_predicted: predictedNow(plot),
    step: stepNow(plot),
    n_levels: codesInAll(plot),
  };
  (root.closest(".workbench-app") || root).dispatchEvent(new CustomEvent("workbench-live", { detail, bubbles: true }));
}

// The distance between two levels, where all are equally far apart and there is one quantizer; else null.
function stepNow(plot) {
  if (plot.meta.kind !== "handles" || plot.meta.groups || plot.live.format.rule !== "affine") return null;
  return quantizerFor(plot.live, plot.low, plot.high).scale;
}

function sameApp(a, b) {
  const app = (e) => (e instanceof Element ? e.closest(".workbench-app") : null);
  return app(a) === app(b);
}

export default { render };
