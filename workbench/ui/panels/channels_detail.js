// One channel more closely: its distribution, and its own threshold to be dragged.

const NUDGE = 0.01; // of the axis, an arrow key

// commit(channel, low, high): a handle was let go.
function channelDetail(commit) {
  const words = h("div", { class: "wb-chan-about" });
  const plot = h("div", { class: "wb-chan-plot" });
  const element = h("div", { class: "wb-chan-detail", role: "group", "aria-label": "the chosen channel" }, words, plot);
  let [now, axis] = [null, null]; // what is shown; (low, high) of the axis
  let dragged = null; // {name, low, high} while a handle moves
  const handles = Object.fromEntries(["top", "bottom"].map((name) => [name, h("div", { class: "wb-chan-handle", role: "slider", tabindex: "0", data: { bound: name } })]));

  const bounds = () => dragged ?? now.range;
  const x = (value) => ((value - axis[0]) / (axis[1] - axis[0])) * plot.clientWidth;

  function picture() {
    const [width, height] = [plot.clientWidth, plot.clientHeight];
    const { counts, low, high } = now.detail;
    const [from, to] = high > low ? [low, high] : [-1, 1];
    const most = Math.log1p(Math.max(...counts, 1));
    const drawing = svg("svg", { class: "wb-chan-svg", width, height, "aria-hidden": "true" });
    const foot = height - 14;
    let outline = `M${x(from).toFixed(1)},${foot}`;
    counts.forEach((count, i) => {
      const y = (foot - (Math.log1p(count) / most) * (foot - 6)).toFixed(1);
      outline += `V${y}H${x(from + ((to - from) * (i + 1)) / counts.length).toFixed(1)}`;
    });
    drawing.append(svg("path", { class: "wb-chan-shape", d: `${outline}V${foot}Z` }), svg("line", { class: "wb-chan-foot", x1: 0, x2: width, y1: foot, y2: foot }));
    if (now.range) {
      const { bottom, top } = bounds();
      drawing.append(svg("rect", { class: "wb-chan-beyond", x: x(top), y: 0, width: Math.max(0, width - x(top)), height: foot }), svg("rect", { class: "wb-chan-beyond", x: 0, y: 0, width: Math.max(0, x(bottom)), height: foot }));
      if (now.view.mirrored) drawing.append(svg("line", { class: "wb-chan-mirror", x1: x(bottom), x2: x(bottom), y1: 0, y2: foot }));
    }
    const marks = [low, 0, high].filter((value, i, all) => (i === 1 || value !== 0) && Math.abs(x(value) - x(0)) > (i === 1 ? -1 : 34));
    for (const value of marks) {
      const mark = svg("text", { class: "wb-chan-tick", x: Math.max(20, Math.min(width - 20, x(value))), y: height - 2, "text-anchor": "middle" });
      mark.textContent = figure3(value);
      drawing.append(mark);
    }
    return drawing;
  }

  function paint() {
    if (!now?.detail || !plot.clientWidth) return;
    plot.querySelector("svg")?.remove();
    plot.prepend(picture());
    for (const [name, handle] of Object.entries(handles)) {
      const shown = now.range !== null && now.view.editable && (name === "top" || !now.view.mirrored);
      handle.hidden = !shown;
      if (!shown) continue;
      const value = bounds()[name];
      handle.style.left = `${x(value)}px`;
      const what = now.view.mirrored ? "Threshold" : name === "top" ? "Upper threshold" : "Lower threshold";
      attr(handle, "aria-label", `${what} of channel ${now.detail.channel}`);
      attr(handle, "aria-valuenow", value);
      attr(handle, "aria-valuemin", axis[0]);
      attr(handle, "aria-valuemax", axis[1]);
      attr(handle, "aria-valuetext", figure3(value));
      handle.title = "drag, or arrow keys; Enter sets it, Escape leaves it";
    }
    paintWords();
  }

  function paintWords() {
    const { channel, low, high, count } = now.detail;
    const lines = [h("b", { text: `Channel ${channel}` }), h("span", { text: `${count.toLocaleString("en-US")} values` }), h("span", { text: `${figure3(low)} to ${figure3(high)}` })];
    if (now.range) {
      const { bottom, top } = bounds();
      const most = Math.max(Math.abs(low), Math.abs(high));
      const keeps = now.view.mirrored ? `T ${figure3(top)}` : `${figure3(bottom)} to ${figure3(top)}`;
      lines.push(h("span", { class: "wb-chan-keeps", text: keeps }));
      const part = now.view.mirrored && most > 0 ? `${((100 * top) / most).toFixed(0)} % of the maximum` : "";
      lines.push(h("span", { class: "wb-muted", text: now.view.editable ? part : "one range for the tensor" }));
    }
    words.replaceChildren(...lines);
  }

  // A moved handle as a range; a mirrored one moves both ends, and none passes the other.
  function moved(name, value) {
    const { bottom, top } = bounds();
    const least = (axis[1] - axis[0]) * 1e-3;
    if (now.view.mirrored) {
      const high = Math.max(value, least);
      return { top: high, bottom: bottom < 0 ? -high : bottom };
    }
    return name === "top" ? { bottom, top: Math.max(value, bottom + least) } : { bottom: Math.min(value, top - least), top };
  }

  function end(keep) {
    const range = dragged;
    dragged = null;
    if (keep && range && (range.top !== now.range.top || range.bottom !== now.range.bottom)) {
      now.range = range; // until Python says so
      commit(now.detail.channel, range.bottom, range.top);
    }
    paint();
  }

  for (const [name, handle] of Object.entries(handles)) {
    plot.append(handle);
    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      handle.focus({ preventScroll: true });
      handle.setPointerCapture(event.pointerId);
      dragged = { ...now.range };
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId) || !dragged) return;
      const box = plot.getBoundingClientRect();
      const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
      dragged = moved(name, axis[0] + share * (axis[1] - axis[0]));
      paint();
    });
    handle.addEventListener("pointerup", () => end(true));
    handle.addEventListener("pointercancel", () => end(false));
    handle.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!step && event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      if (step) { dragged = moved(name, bounds()[name] + step * NUDGE * (axis[1] - axis[0]) * (event.shiftKey ? 5 : 1)); paint(); }
      else end(event.key === "Enter");
    });
    handle.addEventListener("blur", () => dragged && end(true));
  }

  return {
    element,
    // range: {bottom, top}, null where there is none. Another channel ends what was being dragged.
    show(detail, range, view) {
      if (dragged && now?.detail?.channel === detail?.channel) return;
      dragged = null;
      now = { detail, range, view };
      element.classList.toggle("wb-chan-none", !detail);
      if (!detail) {
        plot.querySelector("svg")?.remove();
        for (const handle of Object.values(handles)) handle.hidden = true;
        words.replaceChildren(h("span", { class: "wb-muted", text: "Choose a row to see the channel's distribution." }));
        return;
      }
      const ends = [detail.low, detail.high, ...(range && view.editable ? [range.bottom, range.top] : [])];
      const [low, high] = [Math.min(...ends, 0), Math.max(...ends, 0)];
      const most = view.mirrored && low < 0 ? Math.max(-low, high) : 0;
      const [from, to] = most ? [-most, most] : [low, high];
      const margin = 0.06 * (to - from) || 1;
      axis = [from - (from < 0 ? margin : 0), to + margin];
      paint();
    },
    resized: paint,
  };
}
