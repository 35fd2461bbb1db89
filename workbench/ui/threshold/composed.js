// The composed figure, once it can be drawn: its data come after the widget itself, and plotly's script takes a busy
// page longer than the ten seconds that a host waits for it.
async function figureOf(reference, host, signal) {
  const figure = await host.getModel(reference);
  while (!figure.get("_widget_data")?.length) {
    if (signal?.aborted) return null;
    await new Promise((done) => setTimeout(done, 20));
  }
  for (let patience = 6; ; patience--) {
    try {
      return await host.getWidget(reference);
    } catch (error) {
      if (!patience || signal?.aborted) throw error;
    }
  }
}

// Graph divs of views that were closed, by figure. Plotly's widget goes on drawing into a view after it was closed, and
// fails where that was emptied: so it is left as it is, and the next view takes it.
const spareDivs = new Map();

function takeSpare(reference) {
  const found = (spareDivs.get(reference) ?? []).filter((weak) => weak.deref());
  const gd = found.pop()?.deref();
  spareDivs.set(reference, found);
  return gd;
}

// The composed figure's graph div in the place of another element, until the view is closed; null where it is already.
async function graphDivIn(place, reference, host, signal) {
  let gd = takeSpare(reference);
  if (gd) place.replaceWith(gd);
  else {
    const child = await figureOf(reference, host, signal);
    if (!child) return null;
    gd = place;
    await child.render({ el: gd, signal: new AbortController().signal });
  }
  const leave = () => {
    gd.remove();
    spareDivs.set(reference, [...(spareDivs.get(reference) ?? []), new WeakRef(gd)]);
  };
  if (signal?.aborted) leave();
  else signal?.addEventListener("abort", leave);
  return signal?.aborted ? null : gd;
}
