// What costs most: a ranked list, each with the remedy on a button; below it what was done.

const signed = (value) => {
  const x = number(value);
  if (!Number.isFinite(x)) return x > 0 ? "finite" : "worse";
  return `${x < 0 ? MINUS : "+"}${Math.abs(x).toFixed(1)} dB`;
};
const HIDDEN_DB = 1; // from here on the row says what other faults hide

// {text, kind, meaning} of what a remedy gives.
function gainOf(row) {
  const known = row.measured_db ?? row.predicted_db;
  if (known === null) return { text: "–", kind: "", meaning: "no recipe repairs this, so that there is no gain to estimate" };
  const measured = row.measured_db !== null;
  const hidden = row.loss_db !== null && number(row.loss_db) > number(known) + HIDDEN_DB;
  const finite = Number.isFinite(number(known)) ? "" : "\nthe output is not finite without it";
  const first = measured && row.predicted_db !== null ? `measured on the network; predicted was ${signed(row.predicted_db)}` : measured ? "measured on the network" : "estimated from local errors; the network has not run with it yet";
  const other = hidden ? `\nother faults hide it: once they are repaired, this one alone costs ${decibels(row.loss_db)} dB` : "";
  const kind = hidden && measured ? `costs ${decibels(row.loss_db)} dB` : measured ? "measured" : "predicted";
  return { text: signed(known), kind, measured, meaning: `what the remedy gives the output's SQNR, dB: ${first}${finite}${other}` };
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page wb-causes-page", "causes of loss");
  const status = h("span", { class: "wb-causes-status", role: "status" });
  const aside = h("span", { class: "wb-causes-aside" });
  const summary = h("button", { class: "wb-link wb-causes-summary", type: "button", title: "advice that was taken, below the list; undo takes it off", onclick: () => done.scrollIntoView({ block: "nearest" }) });
  const line = h("div", { class: "wb-causes-line" }, status, aside, summary);
  const list = h("div", { class: "wb-causes-list", role: "list", "aria-label": "causes of loss, the worst first" });
  const doneList = h("div", { role: "list", "aria-label": "advice that was taken" });
  const done = h("div", { class: "wb-causes-done" }, h("h4", { class: "wb-heading", text: "done" }), doneList);
  const none = h("p", { class: "wb-empty" });
  const loud = h("div", { class: "wb-causes-loud" });
  const scroller = h("div", { class: "wb-causes" }, loud, list, none, done);
  root.append(line, scroller);
  const send = (kind, content) => model.send({ kind, ...content });

  // other remedies of one row, and the samples that it names
  let menuOf = null;
  const menu = popupOf(() => menuOf?.more ?? root, "wb-causes-menu", "other remedies", { width: 340, opened: (box) => box.replaceChildren(...menuLines(menuOf.row)), closed: () => {} });
  const menuLine = (words, choose) => h("button", { class: "wb-menu-line", type: "button", text: words, onclick: () => { menu.hide(true); choose(); } });
  function menuLines(row) {
    const heading = (words) => h("h4", { class: "wb-menu-heading", text: words });
    const choices = (remedies) => remedies.map((one) => menuLine(one.words, () => send("apply", one)));
    const lines = row.remedies.length > 1 ? [heading("instead"), ...choices(row.remedies.slice(1))] : [];
    const known = new Set(row.remedies.map((one) => one.words));
    for (const other of row.others) lines.push(heading(other.words), ...choices(other.remedies.filter((one) => !known.has(one.words))));
    if (row.samples.length) lines.push(heading(`${row.samples_words} made outliers`), menuLine(`set ${row.samples_words} aside and calibrate without`, () => send("aside", { samples: row.samples })));
    return lines;
  }

  function build(id) {
    const cells = {
      rank: h("span", { class: "wb-cause-rank" }), place: h("button", { class: "wb-link wb-cause-place", type: "button" }), what: h("span", { class: "wb-cause-what" }), sentence: h("span"),
      gain: h("span", { class: "wb-cause-gain" }, h("b"), h("span")),
      apply: h("button", { class: "wb-quiet-button wb-cause-apply", type: "button" }),
      more: h("button", { class: "wb-quiet-button wb-cause-more", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", "aria-label": "other remedies", title: "other remedies", text: "▾" }),
    };
    const words = h("span", { class: "wb-cause-words" }, cells.place, " ", cells.what, " ", cells.sentence);
    const actions = h("span", { class: "wb-cause-actions" }, cells.apply, cells.more);
    const element = h("div", { class: "wb-cause", role: "listitem", data: { cause: id } }, cells.rank, words, cells.gain, actions);
    const built = { element, words, row: null, ...cells };
    cells.place.addEventListener("click", () => send("select", { name: built.row.tensor }));
    cells.apply.addEventListener("click", () => send("apply", built.row.remedies[0]));
    cells.more.addEventListener("click", () => { menuOf = built; if (menu.isOpen()) menu.hide(true); else menu.show(); });
    return built;
  }

  function fill(built, row, number) {
    const remedy = row.remedies[0];
    built.row = row;
    put(built.rank, `${number}`);
    built.rank.title = remedy ? `study.apply_remedy(${row.rank}) does what the button does` : "";
    put(built.place, row.layer || row.tensor);
    put(built.what, row.what);
    built.place.title = `select tensor ${row.tensor}`;
    attr(built.place, "aria-label", `select tensor ${row.tensor}${row.layer ? ` of ${row.layer}` : ""}`);
    put(built.sentence, remedy || !row.advice ? row.words : `${row.words}: ${row.advice}`);
    const also = row.others.map((one) => `\nalso: ${one.words}`).join("");
    built.words.title = `${row.words}${remedy ? `: ${remedy.words}` : row.advice ? `: ${row.advice}` : ""}.${also}`;
    const gain = gainOf(row);
    const [figure, kind] = built.gain.children;
    put(figure, gain.text);
    put(kind, gain.kind);
    built.gain.title = gain.meaning;
    attr(built.gain, "data-value", row.measured_db ?? row.predicted_db);
    built.gain.classList.toggle("wb-cause-estimate", !gain.measured);
    built.apply.hidden = !remedy;
    put(built.apply, remedy?.short ?? "");
    if (remedy) built.apply.title = `${remedy.words}; one step, undo takes it back`;
    built.more.hidden = row.remedies.length < 2 && !row.others.length && !row.samples.length;
  }

  const shown = new Map();
  // While somebody points at the list, or goes through it by keys, rows stay where they are.
  const held = () => list.matches(":hover") || Boolean(list.querySelector(":focus-visible"));
  function order(ids) {
    const present = [...list.children].map((element) => element.dataset.cause).filter((id) => ids.includes(id));
    return held() ? [...present, ...ids.filter((id) => !present.includes(id))] : ids;
  }

  function paintRows() {
    const rows = new Map(model.get("rows").map((row) => [row.id, row]));
    const focused = list.contains(document.activeElement) ? document.activeElement : null;
    const at = focused ? [...list.children].findIndex((element) => element.contains(focused)) : -1;
    for (const [id, built] of shown) if (!rows.has(id)) { built.element.remove(); shown.delete(id); }
    const ranked = [...rows.keys()];
    order(ranked).forEach((id, place) => {
      if (!shown.has(id)) shown.set(id, build(id));
      const built = shown.get(id);
      fill(built, rows.get(id), 1 + ranked.indexOf(id));
      if (list.children[place] !== built.element) list.insertBefore(built.element, list.children[place] ?? null);
    });
    if (focused && !list.contains(focused)) (list.children[Math.min(at, list.children.length - 1)]?.querySelector("button:not([hidden])") ?? summary).focus({ preventScroll: true });
    else if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
    if (menu.isOpen() && !shown.has(menuOf?.row.id)) menu.hide(false);
  }

  function paintDone(v) {
    const key = JSON.stringify(v.done);
    done.hidden = !v.done.length;
    if (doneList.dataset.key === key) return;
    doneList.dataset.key = key;
    doneList.replaceChildren(...v.done.map((one) => {
      const measured = one.gained_db !== null;
      const gain = h("span", { class: measured ? "wb-cause-gain" : "wb-cause-gain wb-cause-estimate", data: { value: one.gained_db ?? "" } },
        h("b", { text: measured ? `gained ${signed(one.gained_db)}` : one.expected_db === null ? "not measured yet" : `predicted ${signed(one.expected_db)}` }));
      gain.title = measured ? `output SQNR after minus before, on the same ${one.n.toLocaleString("en-US")} samples` : "the network's figures before and after are not both there yet";
      return h("div", { class: "wb-cause wb-cause-taken", role: "listitem" }, h("span", { class: "wb-cause-rank wb-good", text: "✓" }),
        h("span", { class: "wb-cause-words", title: `${one.tensor}: ${one.words}` }, h("button", { class: "wb-link wb-cause-place", type: "button", text: one.layer || one.tensor, title: `select tensor ${one.tensor}`, onclick: () => send("select", { name: one.tensor }) }), `: ${one.short}`), gain);
    }));
  }

  function paintLoud(samples) {
    const key = JSON.stringify(samples);
    if (loud.dataset.key === key) return;
    loud.dataset.key = key;
    loud.replaceChildren(...samples.map(({ sample, n }) => h("div", { class: "wb-cause-loud" },
      h("span", { class: "wb-cause-words", title: `it made the outliers of ${n === 1 ? "a tensor" : `${n} tensors`}: is it broken?`, text: `Calibration sample ${sample} is like no other: outliers in ${n === 1 ? "a tensor" : `${n} tensors`}.` }),
      h("button", { class: "wb-quiet-button wb-cause-aside", type: "button", text: `set sample ${sample} aside`, title: "calibrate without it, and choose the ranges of activations anew that a method chose", onclick: () => send("aside", { samples: [sample] }) }))));
  }

  function paintAside(samples) {
    const key = samples.join();
    if (aside.dataset.key === key) return;
    aside.dataset.key = key;
    aside.replaceChildren(...samples.map((sample) => h("button", { class: "wb-quiet-button", type: "button", text: `sample ${sample} set aside ×`, title: `calibrate with sample ${sample} again`, "aria-label": `calibrate with sample ${sample} again`, onclick: () => send("take_back", { samples: [sample] }) })));
  }

  function paint() {
    const v = model.get("view");
    const doing = model.get("doing");
    const rows = model.get("rows");
    const n = rows.length;
    const figures = v.sqnr_db !== null ? `output ${decibels(v.sqnr_db)} dB on ${v.n_samples} samples` : "";
    const found = n ? `${n} ${n === 1 ? "cause" : "causes"}` : "";
    const going = v.missing ? (n ? "updating…" : "") : v.trouble || v.complete ? "" : doing || "looking for causes…";
    const hidden = n && v.complete && v.hidden ? "faults hide one another: in the order of what each costs once the others are repaired" : "";
    put(status, [found, figures, going, hidden].filter(Boolean).join(" · "));
    const text = v.trouble || (n ? "" : v.missing || (v.complete ? v.nothing : "Looking for causes: first estimates come in a moment."));
    put(none, text);
    none.hidden = !text;
    none.classList.toggle("wb-bad", Boolean(v.trouble));
    put(summary, v.done.length ? `${v.done.length} done${v.gained_db === null ? "" : `, ${signed(v.gained_db)}`}` : "");
    summary.hidden = !v.done.length;
    list.classList.toggle("wb-causes-stale", v.stale);
    paintAside(v.aside);
    paintLoud(v.loud);
    paintDone(v);
  }
  const paintAll = () => { paintRows(); paint(); };

  list.addEventListener("pointerleave", paintRows);
  list.addEventListener("focusout", () => setTimeout(paintRows));
  scroller.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow") && event.key !== "Home" && event.key !== "End") return;
    event.stopPropagation();
    moveAmong(scroller, event);
  });
  listen(model, "change:view", paint, signal);
  listen(model, "change:doing", paint, signal);
  listen(model, "change:rows", paintAll, signal);
  paintAll();
  sayHello(model, signal);
}

export default { render };
