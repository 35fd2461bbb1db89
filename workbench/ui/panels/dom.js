// What all panels share. Text that comes from a model goes in as textContent only.

function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(tag, attributes, parent, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

// What the target cannot express is greyed and not taken; it keeps the focus, so that its reason can be read.
function refuse(button, why) {
  attr(button, "aria-disabled", why ? "true" : null);
  attr(button, "aria-description", why || null);
}

const isRefused = (button) => button.getAttribute("aria-disabled") === "true";
const OF_TARGET = "The target is chosen in the header.";

function attr(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : String(value));
}

const MINUS = "\u2212";
const number = (value) => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);

function decibels(value) {
  const x = number(value);
  if (x === null || x === undefined) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "exact" : "overflow";
  return x.toFixed(1).replace("-", MINUS);
}

function percent(share, digits = 1) {
  return share === null || share === undefined ? "–" : (100 * share).toFixed(digits);
}

// A tensor's name where there is little room: exporters end them all alike.
const tailOf = (name) => name.replace(/_output_0$/, "");

// Keys pressed in this element are its own: JupyterLab looks for this attribute before it takes a shortcut.
function ownKeys(element) {
  const mark = (each) => each.setAttribute("data-lm-suppress-shortcuts", "true");
  mark(element);
  // a shortcut whose selector is the focused element itself is found before what is around it is asked
  element.addEventListener("focusin", (event) => mark(event.target));
  return element;
}

// The panel's root.
function rootOf(el, className, label) {
  const root = ownKeys(h("section", { class: className, "aria-label": label }));
  el.append(root);
  return root;
}

const appOf = (element) => element.closest(".workbench-app");

// What the app stands in, of the notebook or the view that scrolls it, or the screen: {top, bottom, height}.
function roomOf(app) {
  const full = document.fullscreenElement?.contains(app);
  const outer = full ? null : app.closest(".jp-LinkedOutputView, .jp-WindowedPanel-outer, .jp-Notebook");
  return outer?.getBoundingClientRect() || { top: 0, bottom: window.innerHeight, height: window.innerHeight };
}

// Left and right go from tab to tab, as in any list of tabs; the tab is opened as by a click.
function arrowKeys(list) {
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = [...list.children].indexOf(event.target);
    if (!step || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = list.children[(at + step + list.children.length) % list.children.length];
    next.focus();
    next.click();
  });
}

// Call found(app) once the panel stands in its app, which is a moment after it is drawn.
function inApp(root, signal, found) {
  const app = appOf(root);
  if (app) found(app);
  else if (!signal?.aborted) requestAnimationFrame(() => inApp(root, signal, found));
}

// Hear an event that another panel sends to the app.
function hearApp(root, signal, event, callback) {
  inApp(root, signal, (app) => {
    app.addEventListener(event, callback);
    signal?.addEventListener("abort", () => app.removeEventListener(event, callback));
  });
}

// A message that is answered moves the panel's comm off the queue behind running cells.
function sayHello(model, signal) {
  const timer = setTimeout(() => model.send({ kind: "hello" }), 1000);
  signal?.addEventListener("abort", () => clearTimeout(timer));
}

function listen(model, name, callback, signal) {
  model.on(name, callback);
  signal?.addEventListener("abort", () => model.off(name, callback));
}

// A select whose options are [{value, title, disabled, why, group}]; rebuilt only when they change. What has a group
// stands below its name, groups in the order in which they come first.
function fillSelect(select, options, value) {
  const key = JSON.stringify(options);
  if (select.dataset.options !== key) {
    select.dataset.options = key;
    const groups = new Map();
    const made = options.map((o) => {
      const option = h("option", { value: o.value, text: o.title, title: o.why, disabled: Boolean(o.disabled) });
      if (!o.group) return option;
      const group = groups.get(o.group);
      if (group) return group.append(option);
      groups.set(o.group, h("optgroup", { label: o.group }, option));
      return groups.get(o.group);
    });
    select.replaceChildren(...made.filter(Boolean));
  }
  if (select.value !== value) select.value = value;
}
