// Lists that open over the app beside a button. One is open at a time; Escape, a click elsewhere and a choice close it.

// The part of the app that is not scrolled out of the notebook: {top, bottom} on the screen.
function visiblePart(app) {
  const [a, room] = [app.getBoundingClientRect(), roomOf(app)];
  return { top: Math.max(a.top, room.top), bottom: Math.min(a.bottom, room.bottom) };
}

// opened(box): fills it; closed(): the app may stop working things out. spares(target): a press there does not close it.
// Returns {show, hide, isOpen, place}.
function popupOf(anchor, className, label, { width, opened, closed, spares }) {
  const box = ownKeys(h("div", { class: `wb-popup ${className}`, role: "dialog", "aria-label": label }));
  let open = false;
  const outside = (event) => { if (!box.contains(event.target) && !anchor().contains(event.target) && !spares?.(event.target)) hide(); };

  function place() {
    const app = appOf(anchor());
    if (!open || !app) return;
    const [a, b] = [app.getBoundingClientRect(), anchor().getBoundingClientRect()];
    const wide = Math.min(width, a.width - 16);
    const seen = visiblePart(app);
    const [below, above] = [seen.bottom - b.bottom - 12, b.top - seen.top - 12];
    const up = below < 160 && above > below; // beside a button at the bottom of the app
    box.style.width = `${wide}px`;
    box.style.left = `${Math.max(8, Math.min(b.right - a.left - wide, a.width - wide - 8))}px`;
    box.style.top = up ? "auto" : `${b.bottom - a.top + 3}px`;
    box.style.bottom = up ? `${a.bottom - b.top + 3}px` : "auto";
    box.style.maxHeight = `${Math.max(160, up ? above : below)}px`;
  }
  function show() {
    const app = appOf(anchor());
    if (open || !app) return;
    open = true;
    app.append(box);
    attr(anchor(), "aria-expanded", "true");
    document.addEventListener("pointerdown", outside, true);
    opened(box);
    place();
    (box.querySelector("input") || box.querySelector("[aria-checked=true]") || box.querySelector("button"))?.focus({ preventScroll: true });
  }
  function hide(refocus) {
    if (!open) return;
    open = false;
    document.removeEventListener("pointerdown", outside, true);
    box.remove();
    attr(anchor(), "aria-expanded", "false");
    if (refocus) anchor().focus({ preventScroll: true });
    closed();
  }
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") { event.preventDefault(); hide(true); return; }
    if (event.key === "Tab") { hide(true); return; }
    moveAmong(box, event);
  });
  return { box, show, hide, place, isOpen: () => open };
}

// Arrow keys go to the nearest button in that direction on the screen; Home and End to the first and last.
function moveAmong(box, event) {
  const all = [...box.querySelectorAll("button:not(:disabled)")].filter((b) => b.offsetParent);
  if (!all.length) return;
  const typing = event.target.tagName === "INPUT";
  let next = null;
  if (event.key === "Home" && !typing) next = all[0];
  else if (event.key === "End" && !typing) next = all[all.length - 1];
  else if (typing && event.key === "ArrowDown") next = all[0];
  else if (!typing && event.key.startsWith("Arrow")) next = nearest(all, event.target, event.key) || (event.key === "ArrowUp" ? box.querySelector("input") : null);
  else if (!typing && event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.key !== " ") next = box.querySelector("input");
  if (!next) return;
  if (event.key.startsWith("Arrow") || next.tagName !== "INPUT") event.preventDefault();
  next.focus();
}

function nearest(all, from, key) {
  const at = from.getBoundingClientRect();
  const [x, y] = [(at.left + at.right) / 2, (at.top + at.bottom) / 2];
  let best = null;
  let least = Infinity;
  for (const button of all) {
    if (button === from) continue;
    const b = button.getBoundingClientRect();
    const [dx, dy] = [(b.left + b.right) / 2 - x, (b.top + b.bottom) / 2 - y];
    const [along, across] = key === "ArrowRight" ? [dx, dy] : key === "ArrowLeft" ? [-dx, dy] : key === "ArrowDown" ? [dy, dx] : [-dy, dx];
    if (along < 4) continue;
    const vertical = key === "ArrowDown" || key === "ArrowUp";
    const distance = along + (vertical ? 0.3 : 20) * Math.abs(across);
    if (distance < least) [best, least] = [button, distance];
  }
  return best;
}
