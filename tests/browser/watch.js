// Notes, in the page, what happens to the live numbers: elements with data-metric, their values in data-value.
// lag: from the latest pointermove to the first moment after the frame that painted the number. For a number computed in
// the page it is an upper bound: one written inside an animation frame is counted with the frame after it. For a number
// that comes from the kernel it says less, because later moves have happened while it travelled.
// moved: frames that began with a move of the pointer: the most that could paint what the pointer changed.
() => {
  window.watch?.stop();
  const watch = { values: {}, paints: [], frames: 0, moved: 0, started: performance.now() };
  let moved = null;
  let movedIn = null; // the frame of the last move, of the last paint
  let paintedIn = null;
  let running = true;

  const onMove = (event) => {
    moved = event.timeStamp;
    if (movedIn !== watch.frames) watch.moved += 1;
    movedIn = watch.frames;
  };
  addEventListener("pointermove", onMove, { capture: true });

  const countFrames = () => {
    watch.frames += 1;
    if (running) requestAnimationFrame(countFrames);
  };
  requestAnimationFrame(countFrames);

  const afterPaint = (then) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => { channel.port1.close(); then(); };
    channel.port2.postMessage(null);
  });

  const note = (element) => {
    const name = element.dataset.metric;
    const value = element.dataset.value ?? element.textContent;
    const seen = (watch.values[name] ??= []);
    if (seen.at(-1) === value) return;
    seen.push(value);
    // figures of the network follow later by design; they would count as late paints
    if (name.startsWith("output") || paintedIn === watch.frames || moved === null) return;
    paintedIn = watch.frames;
    const since = moved;
    afterPaint(() => {
      watch.paints.push({ at: performance.now(), lag: performance.now() - since });
    });
  };

  const metricsNear = (node) => {
    const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
    const own = element?.closest("[data-metric]");
    return own ? [own] : [...(element?.querySelectorAll("[data-metric]") ?? [])];
  };
  // what stands there at the beginning is no change
  for (const element of document.querySelectorAll("[data-metric]")) {
    watch.values[element.dataset.metric] = [element.dataset.value ?? element.textContent];
  }
  const observer = new MutationObserver((records) => {
    const touched = new Set(records.flatMap((record) => metricsNear(record.target)));
    touched.forEach(note);
  });
  observer.observe(document.body, {
    subtree: true, characterData: true, childList: true, attributes: true, attributeFilter: ["data-value"],
  });

  watch.read = () => ({
    values: watch.values,
    paints: watch.paints,
    frames: watch.frames,
    moved: watch.moved,
    seconds: (performance.now() - watch.started) / 1000,
  });
  watch.stop = () => {
    running = false;
    observer.disconnect();
    removeEventListener("pointermove", onMove, { capture: true });
  };
  window.watch = watch;
}
