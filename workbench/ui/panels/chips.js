// Small switches in rows, such as the formats to try.

const toggled = (list, name) => (list.includes(name) ? list.filter((each) => each !== name) : [...list, name]);

const chip = (name, title, why, toggle) => h("button", { class: "wb-sens-chip", type: "button", role: "menuitemcheckbox", text: title, title: why, data: { chip: name }, onclick: toggle });

const chipRow = (heading, members) => [h("b", { class: "wb-sens-family", text: heading }), h("span", { class: "wb-sens-chips" }, ...members)];

// What the target cannot express can be taken out of what is chosen, not put in.
function formatChip(name, title, why, toggle) {
  const made = chip(name, title, why ? `${why}. ${OF_TARGET}` : undefined, () => { if (!isRefused(made) || made.getAttribute("aria-checked") === "true") toggle(name); });
  refuse(made, why);
  return made;
}

// formats: [name, title, family, why the target cannot express it]. One row a family.
function formatChips(formats, toggle) {
  const families = [...new Set(formats.map(([, , family]) => family))];
  return families.flatMap((family) => chipRow(family, formats.filter((f) => f[2] === family).map(([name, title, , why]) => formatChip(name, title, why, toggle))));
}

// on: a set of names.
function checkChips(box, on) {
  for (const each of box.querySelectorAll("button")) attr(each, "aria-checked", on.has(each.dataset.chip) ? "true" : "false");
}
