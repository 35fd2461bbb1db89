const ATTEMPTS = 40; // tries, of up to ten seconds each
const BETWEEN_ATTEMPTS = 250; // ms

// The composed figure, once it can be drawn: its data come after the widget itself, and plotly's script takes a busy
// page longer than the ten seconds that a host waits for it. A page that is loaded again may not know it yet.
async function figureOf(reference, host, signal) {
  for (let tries = 1; ; tries++) {
    try {
      const figure = await host.getModel(reference);
      while (!figure.get("_widget_data")?.length) {
        if (signal?.aborted) return null;
        await pause(20);
      }
      return await host.getWidget(reference);
    } catch (error) {
      if (signal?.aborted) return null;
      if (tries === ATTEMPTS) throw error;
      await pause(BETWEEN_ATTEMPTS);
    }
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

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
