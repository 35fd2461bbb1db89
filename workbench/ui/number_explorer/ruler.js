// The ruler: a slider with a logarithmic scale to both sides of zero.

const LEAST = -9; // decades that the ruler shows, on either side
const MOST = 9;
const ZERO = 0.03; // half the width of the place that is zero
const DECADE = (1 - ZERO) / (MOST - LEAST);
const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function placeOf(x) {
  if (x === 0 || Number.isNaN(x)) return 0;
  const decades = Math.min(MOST, Math.max(LEAST, Math.log10(Math.abs(x))));
  return Math.sign(x) * (ZERO + (decades - LEAST) * DECADE);
}

// Rounded to few digits, so that dragging gives numbers that can be said.
function valueAt(place, digits) {
  const along = Math.min(1, Math.abs(place));
  if (along < ZERO) return 0;
  return Math.sign(place) * Number((10 ** (LEAST + (along - ZERO) / DECADE)).toPrecision(digits));
}

// The next float32 above (side 1) or below (side -1).
function nextFloat(x, side) {
  const bits = bitsOf(x);
  const order = bits & 0x80000000 ? -(bits & 0x7fffffff) : bits;
  const next = Math.max(-0x7f800000, Math.min(0x7f800000, order + side));
  return floatOf(next < 0 ? -next + 0x80000000 : next);
}

function stepped(x, key, fine) {
  const side = key === "ArrowRight" || key === "ArrowUp" || key === "PageUp" ? 1 : -1;
  if (fine) return nextFloat(x, side);
  if (x === 0) return side * 10 ** LEAST;
  if (!Number.isFinite(x)) return side * x < 0 ? Math.sign(x) * 10 ** MOST : x;
  const outwards = side === Math.sign(x);
  if (!outwards && Math.abs(x) <= 1.001 * 10 ** LEAST) return 0;
  const decades = (key.startsWith("Page") ? 1 : 1 / 40) * (outwards ? 1 : -1);
  return Number((x * 10 ** decades).toPrecision(3));
}

function tickLabel(decade, sign) {
  const digits = [...String(Math.abs(decade))].map((d) => SUPERSCRIPT[d]).join("");
  const text = decade === 0 ? "1" : `10${decade < 0 ? "⁻" : ""}${digits}`;
  return sign < 0 ? `${MINUS_SIGN}${text}` : text;
}

const across = (place) => `${(50 + 50 * place).toFixed(3)}%`;

function ticks() {
  const all = [h("span", { class: "wb-tick", style: `left:${across(0)}`, text: "0" })];
  for (const sign of [-1, 1])
    for (let decade = LEAST + 3; decade <= MOST; decade += 3) // the innermost would lie over the 0
      all.push(
        h("span", {
          class: "wb-tick",
          style: `left:${across(sign * (ZERO + (decade - LEAST) * DECADE))}`,
          text: tickLabel(decade, sign),
        }),
      );
  return all;
}

// onValue(x) while it moves. Returns {element, paint(x), zones(range, title)}.
function ruler(onValue, signal) {
  const handle = h("div", { class: "wb-ruler-handle", role: "slider", tabindex: "0", "aria-label": "Value", title:
    "drag, with Shift ten times finer · arrows: a fortieth of a decade · Shift+arrow: the next float32 · Page: a decade · Home, End" });
  const pieces = ["negative-normal", "negative-small", "small", "normal"].map((name) =>
    h("i", { class: `wb-zone wb-zone-${name.replace("negative-", "")}`, data: { zone: name } }),
  );
  const beyond = [h("i", { class: "wb-zone wb-zone-beyond" }), h("i", { class: "wb-zone wb-zone-beyond" })];
  const track = h("div", { class: "wb-ruler-track" }, ...beyond, ...pieces, h("i", { class: "wb-ruler-zero" }), handle);
  const words = h("p", { class: "wb-ruler-words" });
  const element = h("div", { class: "wb-ruler" }, track, h("div", { class: "wb-ticks", "aria-hidden": "true" }, ...ticks()), words);
  let now = 0;
  let drag = null;

  const give = (x) => {
    if (!Object.is(x, now)) onValue(x);
  };
  track.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus();
    const box = track.getBoundingClientRect();
    const onHandle = event.target === handle;
    const place = onHandle ? placeOf(now) : (2 * (event.clientX - box.left)) / box.width - 1;
    drag = { place, x: event.clientX, width: box.width, before: now, id: event.pointerId };
    track.setPointerCapture(event.pointerId);
    if (!onHandle) give(valueAt(place, 3));
  }, { signal });
  track.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const fine = event.shiftKey;
    drag.place += ((2 * (event.clientX - drag.x)) / drag.width) * (fine ? 0.1 : 1);
    drag.x = event.clientX;
    give(valueAt(drag.place, fine ? 5 : 3));
  }, { signal });
  const end = () => { drag = null; };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) track.addEventListener(name, end, { signal });
  handle.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event;
    if (key === "Escape" && drag) give(drag.before), end();
    else if (key === "Home" || key === "End") give((key === "End" ? 1 : -1) * 10 ** MOST);
    else if (/^(Arrow|Page)/.test(key)) give(stepped(Number.isNaN(now) ? 0 : now, key, event.shiftKey && key.startsWith("Arrow")));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, { signal });

  const paint = (x) => {
    now = x;
    handle.style.left = across(placeOf(x));
    handle.classList.toggle("wb-off", Number.isNaN(x));
    const away = Math.abs(x) > 10 ** MOST ? (x > 0 ? "right" : "left") : x !== 0 && Math.abs(x) < 10 ** LEAST ? "in" : "";
    attr(handle, "data-away", away || null);
    attr(handle, "aria-valuemin", -(10 ** MOST));
    attr(handle, "aria-valuemax", 10 ** MOST);
    attr(handle, "aria-valuenow", Number.isFinite(x) ? x : 0);
    attr(handle, "aria-valuetext", shown(Math.fround(x)));
  };
  // Where the chosen format has levels: subnormal, normal, and beyond its ends.
  const zones = (range, title) => {
    const [smallest, normal, largest, lowest] = ["smallest", "normal", "largest", "lowest"].map((name) => read(range[name]));
    const spans = { small: [smallest, Math.min(normal, largest)], normal: [normal, largest] };
    const between = (piece, a, b) => {
      piece.style.left = across(Math.min(a, b));
      piece.style.width = `${Math.max(0, 50 * Math.abs(b - a)).toFixed(3)}%`;
    };
    for (const piece of pieces) {
      const sign = piece.dataset.zone.startsWith("negative") ? -1 : 1;
      const [from, to] = spans[piece.dataset.zone.replace("negative-", "")];
      const shows = (sign > 0 || lowest < 0) && to > from;
      piece.hidden = !shows;
      if (shows) between(piece, placeOf(sign * from), placeOf(sign * (sign < 0 && to === largest ? -lowest : to)));
    }
    between(beyond[0], -1, lowest < 0 ? placeOf(lowest) : 0);
    between(beyond[1], placeOf(largest), 1);
    const subnormal = normal > smallest ? `, subnormal below ${shown(normal, 3)}` : "";
    put(words, `${title}: smallest positive ${shown(smallest, 3)}${subnormal}, range ${shown(lowest, 5)} to ${shown(largest, 5)}`);
  };
  return { element, handle, paint, zones };
}
