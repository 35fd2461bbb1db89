// The list of layers: virtual rows, sorted and searched here, selected by mouse and keyboard.

const ROW = 24;
const SPARE = 8;
const PATIENCE = 60; // ms
const BOLD = 650; // weight of the selected row's font, the widest
const MARK = 16; // px that the mark of a note takes
const UNANSWERED = 3000; // ms after which Python will not follow

// "conv op:Conv sqnr<30 int8": words in the name, operator, bounds on SQNR, a format.
function matcher(text) {
  const tests = [];
  for (const token of text.trim().toLowerCase().split(/\s+/).filter(Boolean)) {
    const bound = token.match(/^sqnr([<>])=?(-?[\d.]+)$/);
    if (bound) tests.push((row) => row[4] !== null && (bound[1] === "<" ? number(row[4]) < +bound[2] : number(row[4]) > +bound[2]));
    else if (token.startsWith("op:")) tests.push((row) => row[1].toLowerCase().includes(token.slice(3)));
    else tests.push((row) => row[0].toLowerCase().includes(token) || row[1].toLowerCase() === token || row[2] === token || row[3] === token);
  }
  return (row) => tests.every((test) => test(row));
}

// What fits a chip; its title has the whole name.
const short = (format) => format.split("_")[0].replace("kmeans", "km");

// misfit: why the target cannot express it; marked by a corner, and in words for those who do not see it.
function chip(text, title, misfit) {
  const kind = text === "fp32" ? " wb-chip-float" : "";
  return h("span", { class: `wb-chip${kind}${misfit ? " wb-misfit" : ""}`, title: misfit ? `${title}\n${misfit}` : title },
    text === "fp32" ? "float" : short(text), misfit ? h("span", { class: "wb-unseen", text: `, does not fit the target: ${misfit}` }) : null);
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-layers", "layers");
  const count = h("span", { class: "wb-muted" });
  const search = h("input", { class: "wb-input", type: "search", placeholder: "Search, or op:Conv sqnr<30", "aria-label": "search layers", spellcheck: "false" });
  const columns = [["layer", 0, "layer"], ["weight", 2, "w"], ["activ.", 3, "act"], ["SQNR dB", 4, "dB"]];
  const head = h("div", { class: "wb-row wb-row-head", role: "group", "aria-label": "sort layers" });
  const body = h("div", { class: "wb-list-body", role: "rowgroup" });
  const list = h("div", { class: "wb-list", role: "grid", tabindex: "0", "aria-label": "layers", "aria-multiselectable": "true" }, body);
  const empty = h("p", { class: "wb-empty", hidden: true });
  root.append(h("div", { class: "wb-room-head" }, h("h3", { class: "wb-heading", text: "Layers" }), count), search, head, list, empty);

  let rows = [...model.get("rows")];
  let asked = false;
  let order = { column: -1, down: false };
  let shown = [];
  let pending = 0;
  let doubt = 0;
  let moved = -Infinity; // when the selection moved last
  let wanted = null; // the row that was asked for, until Python shows it
  const lines = virtualRows(list, body, { row: ROW, spare: SPARE, count: () => shown.length, line: lineOf });
  const id = `wb-list-${Math.random().toString(36).slice(2, 8)}`;

  let labels = []; // of the rows: their names, shortened to the room there is
  let [labelled, sized] = ["", false]; // what they were made for; whether the room is known
  let room = Infinity; // px of a name
  let widthOf = null;

  let picked = new Set(); // layers that one choice can be applied to
  let pickedAt = -Infinity; // when that was said here: an answer to something earlier does not change it
  let anchor = null; // where a range of them begins
  let end = null; // and where it ended last

  const selected = () => wanted ?? model.get("view").selected;
  const total = () => model.get("view").total;
  const askRest = () => {
    if (!asked && rows.length < total()) { asked = true; model.send({ kind: "rest" }); }
  };
  const headers = columns.map(([title, column, short]) => {
    const mark = h("span");
    const button = h("button", { class: "wb-sort", type: "button", title: `sort by ${title}` },
      h("span", { class: "wb-long", text: title }), h("span", { class: "wb-short", text: short }), mark);
    const cell = h("span", { class: `wb-cell wb-cell-${column}` }, button);
    button.addEventListener("click", () => {
      if (order.column !== column) order = { column, down: false };
      else order = order.down ? { column: -1, down: false } : { column, down: true };
      askRest();
      arrange();
    });
    head.append(cell);
    return { button, title, column, mark };
  });

  function arrange() {
    const match = matcher(search.value);
    shown = rows.map((_, i) => i).filter((i) => match(rows[i]));
    const { column, down } = order;
    if (column >= 0) {
      const key = (i) => { const v = number(rows[i][column]); return v === null ? Infinity : v; };
      const sign = down ? -1 : 1;
      shown.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        return (x < y ? -1 : x > y ? 1 : 0) * sign || a - b;
      });
    }
    for (const { button, title, column: c, mark } of headers) {
      attr(button, "aria-label", `sort by ${title}${c === column ? (down ? ", descending now" : ", ascending now") : ""}`);
      put(mark, c === column ? (down ? "▾" : "▴") : "");
    }
    paintCount();
    attr(list, "aria-rowcount", shown.length);
    lines.fit();
    empty.hidden = shown.length > 0;
    list.hidden = shown.length === 0;
    put(empty, total() === 0 ? "This network has no layer with weights." : `No layer matches “${search.value}”.`);
    paintRows();
  }

  function paintCount() {
    const many = (n) => n.toLocaleString("en-US");
    const listed = shown.length === total() ? "" : `${many(shown.length)} of ${many(total())}`;
    put(count, picked.size > 1 ? `${many(picked.size)} picked${listed ? ` · ${listed}` : ""}` : listed);
  }

  // Of all that is listed between two rows, both included; those picked before stay where `more`.
  function pickRange(from, to, more) {
    const [a, b] = [shown.indexOf(from), shown.indexOf(to)].sort((x, y) => x - y);
    pick([...(more ? picked : []), ...shown.slice(Math.max(0, a), b + 1)]);
  }

  function pick(indices) {
    picked = new Set(indices);
    pickedAt = performance.now();
    model.send({ kind: "pick", indices: [...picked] });
    paintCount();
    paintRows();
  }

  function lineOf(at) {
    const [present, i] = [selected(), shown[at]];
    const { reasons } = model.get("view");
    const [name, op, weight, activation, sqnr, low, misfits, note] = rows[i];
    const [ofWeight, ofActivation] = misfits.map((place) => reasons[place] || "");
    const whole = `${name}${note ? `, note: ${note}` : ""}`;
    return h("div", {
      class: `wb-row${i === present ? " wb-selected" : ""}${picked.has(i) ? " wb-picked" : ""}`, role: "row", id: `${id}-${i}`,
      "aria-selected": i === present || picked.has(i) ? "true" : "false", "aria-rowindex": at + 1, data: { index: String(i) },
    },
      h("span", { class: "wb-cell wb-cell-0", role: "gridcell", "aria-label": whole, title: `${name} (${op})${note ? `\n${note}` : ""}` }, note ? h("span", { class: "wb-note-mark", role: "img", "aria-label": `note: ${note}`, text: "✎" }) : null, h("bdi", { text: labels[i] ?? name })),
      h("span", { class: "wb-cell wb-cell-2", role: "gridcell" }, weight ? chip(weight, `format of the weight: ${weight}`, ofWeight) : null),
      h("span", { class: "wb-cell wb-cell-3", role: "gridcell" }, activation ? chip(activation.includes(" ") ? "mix" : activation, `format of the activations it reads: ${activation.replace(" ", ", ")}`, ofActivation) : null),
      h("span", { class: low ? "wb-cell wb-cell-4 wb-low" : "wb-cell wb-cell-4", role: "gridcell", text: decibels(sqnr),
        title: low ? "worst tensor of the layer; its cosine is below 0.98" : "worst tensor of the layer, as chosen" }));
  }

  // Names that fit the column, once a row of it stands in the page; true where others are to be shown now.
  function fitNames() {
    const cell = sized ? null : body.querySelector(".wb-cell-0");
    if (cell?.clientWidth) {
      sized = true;
      room = cell.clientWidth - 1;
      const { fontFamily, fontSize } = getComputedStyle(cell);
      widthOf = letterWidths(`${BOLD} ${fontSize} ${fontFamily}`);
    }
    const noted = rows.flatMap((row, i) => (row[7] ? [i] : []));
    const wanted = `${room} ${rows.length} ${noted}`;
    if (!widthOf || wanted === labelled) return false;
    labelled = wanted;
    labels = shortNames(rows.map(([name]) => name), (i) => room - (rows[i][7] ? MARK : 0), widthOf);
    return true;
  }

  function paintRows() {
    const present = selected();
    lines.paint();
    if (fitNames()) lines.paint();
    attr(list, "aria-activedescendant", present >= 0 ? `${id}-${present}` : null);
  }

  const reveal = (i) => lines.reveal(shown.indexOf(i));

  // Shown at once. A held arrow key asks for its first row and for the last; an answer to an earlier one changes nothing.
  function select(i) {
    if (i === undefined || i === selected()) return;
    wanted = i;
    paintRows();
    reveal(i);
    const ask = () => model.send({ kind: "select", index: i });
    const held = performance.now() - moved < 2 * PATIENCE;
    moved = performance.now();
    clearTimeout(pending);
    clearTimeout(doubt);
    if (held) pending = setTimeout(ask, PATIENCE);
    else ask();
    doubt = setTimeout(answered, UNANSWERED);
  }

  function answered() {
    wanted = null;
    paintRows();
  }

  list.addEventListener("pointerdown", (event) => {
    const line = event.target.closest("[data-index]");
    if (!line || event.button !== 0) return;
    const i = +line.dataset.index;
    end = i;
    if (event.shiftKey) return pickRange(anchor ?? selected(), i, event.ctrlKey || event.metaKey);
    if (event.ctrlKey || event.metaKey) {
      const others = picked.size ? [...picked] : [selected()];
      anchor = i;
      return pick(others.includes(i) ? others.filter((each) => each !== i) : [...others, i]);
    }
    if (picked.size) pick([]);
    anchor = i;
    select(i);
  });
  list.addEventListener("keydown", (event) => {
    const at = shown.indexOf((event.shiftKey ? end : null) ?? selected());
    const ours = () => { event.preventDefault(); event.stopPropagation(); };
    if (event.key === "a" && (event.ctrlKey || event.metaKey)) { ours(); askRest(); return pick(shown); }
    if (event.key === "Escape" && picked.size) { ours(); return pick([]); }
    const to = lines.next(event, at);
    if (to === undefined) return;
    ours();
    if (event.key === "End" || event.key === "PageDown") askRest();
    const next = shown[to];
    end = next;
    if (event.shiftKey) {
      anchor ??= selected();
      pickRange(anchor, next, false);
      return reveal(next);
    }
    anchor = null;
    if (picked.size) pick([]);
    select(next);
  });
  list.addEventListener("scroll", () => { askRest(); paintRows(); }, { passive: true });
  search.addEventListener("input", () => { askRest(); list.scrollTop = 0; arrange(); });
  search.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "ArrowDown") { event.preventDefault(); list.focus(); if (!shown.includes(selected())) select(shown[0]); }
    if (event.key === "Escape" && search.value) { search.value = ""; arrange(); }
  });

  listen(model, "change:rows", () => { rows.splice(0, model.get("rows").length, ...model.get("rows")); arrange(); }, signal);
  listen(model, "change:view", () => {
    const v = model.get("view");
    if (v.selected === wanted) wanted = null;
    if (performance.now() - pickedAt > UNANSWERED) { picked = new Set(v.picked); paintCount(); }
    paintRows();
    reveal(selected());
  }, signal);
  listen(model, "msg:custom", (message) => {
    if (message.kind === "rest") rows.splice(message.from, Infinity, ...message.rows);
    else if (message.kind === "patch") for (const [i, row] of message.rows) rows[i] = row;
    else return;
    arrange();
  }, signal);
  const size = new ResizeObserver(() => {
    sized = false;
    paintRows();
  });
  size.observe(list);
  signal?.addEventListener("abort", () => { size.disconnect(); clearTimeout(pending); clearTimeout(doubt); });
  arrange();
  sayHello(model, signal);
}

export default { render };
