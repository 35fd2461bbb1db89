// One frame: handles, canvas, notes and the sentence for the present range.

function paint(plot) {
  const { meta, geometry, view } = plot;
  if (geometry) drawOverlay(plot, geometry, plot.shown); // first: a canvas that writes has the page laid out
  writePieces(view.sentence, [...sentenceOf(meta, plot.live, plot.shown), ...codesWords(plot)]);
  if (!geometry) return;
  paintOutput(plot, geometry);
  if (meta.kind !== "handles") return;
  const cut = counted(plot.shown.metrics.saturated_fraction * meta.n);
  for (const handle of plot.handles) {
    const number = position(plot[handle.bound], meta.data.absmax, geometry.warped);
    const text = meta.symmetric ? `T = ${number}` : number;
    const effective = effectiveEnd(plot);
    const spoken = effective === null ? number : `${number}, in effect ${effective}`;
    paintHandle(plot, handle, geometry, pillText(plot, text, effective), `${spoken}, ${cut} of ${counted(meta.n)} values saturated`);
  }
  partPills(plot.handles);
  paintNotes(plot, geometry);
}

// Where saturation begins under a scale that goes in steps; null where that is the threshold itself.
function effectiveEnd(plot) {
  const { meta, live, shown } = plot;
  if (!live.format.stepped || meta.groups) return null;
  const text = (x) => position(x, meta.data.absmax, plot.geometry.warped);
  return text(shown.q.high) === text(plot.high) ? null : text(shown.q.high);
}

// Channels that each keep their own share have no one threshold until a handle is moved.
function pillText(plot, text, effective) {
  const { groups } = plot.meta;
  const untouched = groups && groups.most - groups.least > 5e-4 && plot.exact;
  if (untouched) return `each its own, ${groups.least.toFixed(2)} to ${groups.most.toFixed(2)}`;
  return effective === null ? text : `${text} → ${effective}`;
}

function paintNotes(plot, geometry) {
  const { meta, shown, view } = plot;
  const { notes } = view;
  const strip = geometry.strips[0];
  const [below, above] = saturatedCounts(plot);
  const total = counted(meta.n);
  const stepped = plot.live.format.stepped && !meta.groups;
  const high = geometry.toPixel(stepped ? Math.max(plot.high, shown.q.high) : plot.high);
  const low = geometry.toPixel(plot.low);
  if (meta.symmetric) {
    noteBeside(notes.above, `saturated: ${counted(below + above)} of ${total}`, high, 1, geometry, strip, true);
    show(notes.below, false);
  } else {
    noteBeside(notes.above, `saturated: ${counted(above)} of ${total}`, high, 1, geometry, strip, meta.limits.high > 0);
    noteBeside(notes.below, `saturated: ${counted(below)} of ${total}`, low, -1, geometry, strip, meta.limits.low < 0);
  }
  const mirrored = meta.symmetric && !meta.one_sided && meta.data.low < 0;
  const number = position(plot.low, meta.data.absmax, geometry.warped);
  const offPlot = low < geometry.left;
  put(notes.mirror, offPlot ? `◂ ${number} mirrored` : `${number}`);
  show(notes.mirror, mirrored && low < geometry.right - 60);
  const at = offPlot ? geometry.left + 6 : low + 5;
  const crowded = !notes.above.hidden && at + notes.mirror.textContent.length * 6.1 > notes.above.from && at < notes.above.to;
  place(notes.mirror, at, strip.top + (crowded ? 21 : 6));
}

// Values beyond each end; the exact total of Python is shared out as the live counts are.
function saturatedCounts(plot) {
  const { shown, meta } = plot;
  const live = (shown.below || 0) + (shown.above || 0);
  const total = shown.metrics.saturated_fraction * meta.n;
  if (!(live > 0)) return [0, total];
  return [(shown.below / live) * total, (shown.above / live) * total];
}

// A note in the shaded area beside a line, or on the other side where the area is too narrow.
function noteBeside(note, text, x, side, geometry, strip, visible) {
  show(note, visible);
  if (!visible) return;
  put(note, text);
  const width = text.length * 6.1 + 10;
  const y = strip.top + 6;
  const room = side > 0 ? geometry.right - x : x - geometry.left;
  const inside = room > width + 8;
  const beside = side > 0 ? (inside ? geometry.right - width - 6 : x - width - 8) : inside ? geometry.left + 6 : x + 8;
  note.from = clamp(beside, geometry.left, geometry.right - width);
  note.to = note.from + width;
  place(note, note.from, y);
  note.style.width = `${width}px`;
}

// What moves with the plot but not with a handle.
function layoutPlot(plot) {
  const { view, geometry, meta } = plot;
  paintControls(plot);
  placeMarks(plot, geometry);
  drawSamples(plot);
  const { notes } = view;
  if (meta.kind !== "handles") for (const name of ["above", "below", "mirror"]) show(notes[name], false);
  show(notes.words, Boolean(meta.words));
  put(notes.words, meta.words);
  place(notes.words, (geometry.left + geometry.right) / 2, geometry.strips[0].top - 22);
  const strip = geometry.strips[0];
  const tower = meta.zero_bin && !strip.log && strip.toPixel(meta.zero_bin) < strip.top - 1;
  show(notes.zeros, Boolean(tower) && !meta.one_by_one);
  if (tower) {
    put(notes.zeros, `↑ ${counted(meta.n_zeros)} exact zeros`);
    place(notes.zeros, geometry.toPixel(0) + 8, strip.top + 22);
  }
  placeBands(plot, geometry);
}

function placeBands(plot, geometry) {
  const { view, meta } = plot;
  view.bands.replaceChildren();
  for (const band of meta.bands || []) {
    const from = band.low > 0 ? Math.max(geometry.toPixel(band.low), geometry.left) : geometry.left;
    const to = band.high === "inf" ? geometry.right : Math.min(geometry.toPixel(band.high), geometry.right);
    const text = to - from > 110 ? `${band.name}: ${counted(band.count)}` : counted(band.count);
    if (to - from < text.length * 6 + 4) continue;
    const label = make("span", "wb-band", view.bands);
    label.textContent = text;
    label.style.left = `${(from + to) / 2}px`;
    label.style.top = `${geometry.strips[0].top + 6}px`;
  }
}
