// A dialog over the app: it takes the focus and gives it back; Escape and a click beside it close it, Tab stays inside.

// event: what the app hears to open it. opened(app), closed(): what else happens then. first(): what gets the focus.
function dialogOf(root, className, label, parts, { event, opened, closed, first, signal }) {
  // with a tabindex of its own a click on a switched-off button or between the controls keeps the focus, and Escape, here
  const element = h("div", { class: className, role: "dialog", "aria-label": label, "aria-modal": "true", tabindex: "-1", hidden: true }, ...parts);
  const veil = h("div", { class: "wb-veil", hidden: true });
  root.append(veil, element);
  let before = null;

  // where a button that had the focus was switched off, nothing has it, and no key would arrive
  const lost = (e) => { if (e.key === "Escape" && document.activeElement === document.body) show(false); };
  signal?.addEventListener("abort", () => document.removeEventListener("keydown", lost));

  function show(open) {
    if (element.hidden !== open) return;
    element.hidden = veil.hidden = !open;
    document[open ? "addEventListener" : "removeEventListener"]("keydown", lost);
    if (open) {
      before = document.activeElement;
      opened?.(appOf(root));
      first().focus({ preventScroll: true });
    } else {
      closed?.();
      before?.focus?.({ preventScroll: true });
    }
  }
  hearApp(root, signal, event, () => show(true));
  veil.addEventListener("pointerdown", () => show(false));
  element.addEventListener("keydown", (e) => {
    e.stopPropagation();
    if (e.key === "Escape") show(false);
    if (e.key !== "Tab") return;
    const all = [...element.querySelectorAll("select, input, textarea, button")].filter((each) => !each.disabled && each.offsetParent && each.tabIndex >= 0);
    const [head, tail] = [all[0], all[all.length - 1]];
    if (e.shiftKey && [head, element].includes(document.activeElement)) { e.preventDefault(); tail.focus(); }
    else if (!e.shiftKey && document.activeElement === tail) { e.preventDefault(); head.focus(); }
  });
  return { element, show, isOpen: () => !element.hidden };
}

// A large dialog covers what is in sight: a window may be lower than the app.
function fitDialog(element, app) {
  const [a, seen] = [app.getBoundingClientRect(), visiblePart(app)];
  if (seen.bottom - seen.top < 240) return;
  element.style.top = `${seen.top - a.top + 10}px`;
  element.style.height = element.style.maxHeight = `${seen.bottom - seen.top - 22}px`;
}
