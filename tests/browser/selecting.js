// Notes, in the page, when what the plot shows was last painted anew: its title, its marks, its lines.
// shown: the moment after the frame that painted the last change, in ms after the last press; null without a change.
// settled: the same for the words beside the error ("exact" and the like), in ms after the last release.
() => {
  window.selecting?.stop();
  const app = document.querySelector(".workbench-app");
  const watch = { pressed: null, shown: null, paints: 0, released: null, settled: null };
  let running = true;
  let before = null;
  let certainty = null;

  const look = () => [
    app.querySelector(".wb-plot-title")?.textContent,
    ...[...app.querySelectorAll(".wb-mark")].map((mark) => `${mark.getAttribute("aria-label")} ${mark.style.transform}`),
    ...[...app.querySelectorAll(".wb-plot-figure .js-line")].map((line) => line.getAttribute("d")),
  ].join("\n");

  const onPress = (event) => Object.assign(watch, { pressed: event.timeStamp, shown: null, paints: 0 });
  const onRelease = (event) => Object.assign(watch, { released: event.timeStamp, settled: null });
  addEventListener("pointerdown", onPress, { capture: true });
  addEventListener("pointerup", onRelease, { capture: true });

  const eachFrame = () => {
    if (!running) return;
    requestAnimationFrame(eachFrame);
    const channel = new MessageChannel(); // its message comes after the frame was painted
    channel.port1.onmessage = () => {
      channel.port1.close();
      const now = look();
      if (before !== null && now !== before && watch.pressed !== null) {
        watch.shown = performance.now() - watch.pressed;
        watch.paints += 1;
      }
      before = now;
      const words = app.querySelector(".wb-certainty")?.textContent;
      if (words !== certainty && watch.released !== null) watch.settled = performance.now() - watch.released;
      certainty = words;
    };
    channel.port2.postMessage(null);
  };
  requestAnimationFrame(eachFrame);

  watch.stop = () => {
    running = false;
    removeEventListener("pointerdown", onPress, { capture: true });
    removeEventListener("pointerup", onRelease, { capture: true });
  };
  window.selecting = watch;
}
