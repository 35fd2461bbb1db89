// Own handles: HTML elements over the plot, moved by pointer and by keys. Plotly's editable shapes update at mouse-up only.

const NAMES = { one: "Saturation threshold", high: "Upper threshold", low: "Lower threshold" };
const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -64, PageUp: 64 };

// actions: {move(bound, value), commit(), cancel(), reset(bound)}
function makeHandle(plot, bound, actions) {
  const element = make("div", "wb-handle", plot.view.stage, { role: "slider", tabindex: "0", "aria-orientation": "horizontal", ...OWN_KEYS });
  const line = make("div", "wb-handle-line", element);
  const grip = make("div", "wb-handle-grip", element);
  const pill = make("div", "wb-pill", element);
  const handle = { bound, element, line, grip, pill, pressed: false };
  let grabbed = 0;
  let pending = null;
  let waiting = false;

  const valueAt = (event) => {
    const geometry = plot.geometry;
    return geometry ? geometry.toValue(event.clientX - plot.view.stage.getBoundingClientRect().left - grabbed) : null;
  };
  const follow = () => {
    const event = pending;
    pending = null;
    const value = event && handle.pressed ? valueAt(event) : null;
    if (value !== null) actions.move(bound, value);
  };
  // once a frame: the first move at once, so that it is painted in this very frame, later ones with the next
  const frame = () => {
    waiting = false;
    if (pending) schedule();
  };
  const schedule = () => {
    waiting = true;
    follow();
    requestAnimationFrame(frame);
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || element.getAttribute("aria-disabled") === "true") return;
    event.preventDefault();
    event.stopPropagation();
    element.focus({ preventScroll: true });
    element.setPointerCapture(event.pointerId);
    const at = plot.geometry ? plot.geometry.toPixel(plot[bound]) : 0;
    grabbed = event.clientX - plot.view.stage.getBoundingClientRect().left - at;
    handle.pressed = true;
    handle.moved = false;
    plot.dragging = bound;
    plot.view.root.classList.add("wb-dragging");
  });
  element.addEventListener("pointermove", (event) => {
    if (!handle.pressed) return;
    event.preventDefault();
    pending = event;
    handle.moved = true;
    if (!waiting) schedule();
  });
  const release = (event) => {
    if (!handle.pressed) return;
    if (pending) follow();
    handle.pressed = false;
    plot.dragging = null;
    plot.view.root.classList.remove("wb-dragging");
    if (event.type === "pointerup" && handle.moved) actions.commit();
    else actions.cancel();
  };
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);
  element.addEventListener("lostpointercapture", release);
  element.addEventListener("dblclick", (event) => {
    event.preventDefault();
    event.stopPropagation();
    actions.reset(bound);
  });
  element.addEventListener("keydown", (event) => onKey(plot, handle, actions, event));
  element.addEventListener("keyup", (event) => {
    if (!(event.key in KEYS) && event.key !== "Home" && event.key !== "End") return;
    event.stopPropagation();
    endKeys(plot, handle, actions);
  });
  element.addEventListener("blur", () => endKeys(plot, handle, actions));
  return handle;
}

function endKeys(plot, handle, actions) {
  if (!handle.keyed) return;
  handle.keyed = false;
  plot.dragging = null;
  actions.commit();
}

function onKey(plot, handle, actions, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { bound } = handle;
  if (event.key === "Escape" && (handle.pressed || handle.keyed)) {
    handle.pressed = handle.keyed = false;
    plot.dragging = null;
    plot.view.root.classList.remove("wb-dragging");
    actions.cancel();
  } else if (event.key in KEYS || event.key === "Home" || event.key === "End") {
    const [least, most] = plot.limitsOf(bound);
    const value = event.key === "Home" ? least : event.key === "End" ? most : stepped(plot, plot[bound], KEYS[event.key] * (event.shiftKey ? 16 : 1));
    if (handle.element.getAttribute("aria-disabled") === "true") return;
    handle.keyed = true;
    plot.dragging = bound; // an answer to the key before must not take this one back
    actions.move(bound, value);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

// So many steps further: 1/1024 of the largest magnitude, on a logarithmic axis 1/1024 of the axis.
function stepped(plot, value, steps) {
  const { geometry, meta } = plot;
  if (!geometry || !geometry.warped) return value + (steps * meta.data.absmax) / 1024;
  return geometry.fromPlace(geometry.toPlace(value) + (steps * (meta.axis[1] - meta.axis[0])) / 1024);
}

// Handle, line, pill and what assistive technology reads, for the present value.
function paintHandle(plot, handle, geometry, text, spoken) {
  const { element, pill, bound } = handle;
  const value = plot[bound];
  const strip = geometry.strips[0];
  const raw = geometry.toPixel(value);
  const x = clamp(raw, geometry.left, geometry.right);
  const off = raw < geometry.left - 1 ? -1 : raw > geometry.right + 1 ? 1 : 0;
  place(element, x, strip.top);
  // its box is the strip of the counts, with the grip in the middle; the line goes on through all strips
  if (handle.height !== strip.height) element.style.height = `${(handle.height = strip.height)}px`;
  const length = geometry.bottom - strip.top + 6;
  if (handle.length !== length) handle.line.style.height = `${(handle.length = length)}px`;
  const grip = strip.height * (plot.meta.one_by_one ? 0.62 : 0.5);
  if (handle.gripAt !== grip) handle.grip.style.top = `${(handle.gripAt = grip)}px`;
  put(pill, off < 0 ? `◂ ${text}` : off > 0 ? `${text} ▸` : text);
  const half = (pill.textContent.length * 6.9 + 18) / 2;
  handle.pillHalf = half;
  handle.pillAt = clamp(x, half + 2, geometry.width - half - 2);
  const [least, most] = plot.limitsOf(bound);
  element.setAttribute("aria-valuenow", String(value));
  element.setAttribute("aria-valuemin", String(least));
  element.setAttribute("aria-valuemax", String(most));
  element.setAttribute("aria-valuetext", spoken);
  element.setAttribute("aria-disabled", String(least === most));
  element.classList.toggle("wb-off", off !== 0);
  handle.x = x;
}

// Two pills side by side where the handles are close.
function partPills(handles) {
  const [high, low] = handles;
  if (low) {
    const overlap = low.pillAt + low.pillHalf + 4 - (high.pillAt - high.pillHalf);
    if (overlap > 0) {
      low.pillAt -= overlap / 2;
      high.pillAt += overlap / 2;
    }
  }
  for (const handle of handles) handle.pill.style.transform = `translateX(calc(${(handle.pillAt - handle.x).toFixed(1)}px - 50%))`;
}
