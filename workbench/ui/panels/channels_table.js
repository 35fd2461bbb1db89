// Rows of channels: sorted by any column, walked by the keys, thresholds edited in their cells.

const ROW = 20;
const SPARE = 8;
const ROOMY = 640; // px

// choose(channel): a row was chosen. commit(channel, low, high): a threshold was edited.
function channelTable({ choose, commit }) {
  const head = h("div", { class: "wb-chan-row wb-chan-head", role: "row" });
  const body = h("div", { class: "wb-chan-body", role: "rowgroup" });
  const edited = h("div", { class: "wb-chan-row wb-chan-editor", hidden: true });
  const scroller = h("div", { class: "wb-chan-list", role: "grid", tabindex: "0", "aria-label": "output channels" }, head, h("div", { class: "wb-chan-rows", role: "presentation" }, body, edited));
  const id = `wb-chan-${Math.random().toString(36).slice(2, 8)}`;
  let [data, view, columns, order] = [null, null, [], new Int32Array(0)];
  let sorting = { name: "share", down: true };
  let cursor = -1; // the chosen channel
  let editing = null; // {channel, inputs}
  const rows = virtualRows(scroller, body, { row: ROW, spare: SPARE, head: 1, count: () => order.length, line });

  function arrange() {
    if (!columns.some(([name]) => name === sorting.name)) sorting = { name: "share", down: true };
    const key = columns.find(([name]) => name === sorting.name)[3];
    const sign = sorting.down ? -1 : 1;
    const keys = Float64Array.from({ length: data.n }, (_, i) => key(i));
    order = Int32Array.from(keys.keys()).sort((a, b) => {
      const [x, y] = [keys[a], keys[b]];
      if (x !== x || y !== y) return (x !== x) - (y !== y) || a - b; // NaN last
      return (x < y ? -1 : x > y ? 1 : 0) * sign || a - b;
    });
  }

  function layOut() {
    columns = fitted(channelColumns(data, view), scroller.clientWidth);
    scroller.style.setProperty("--wb-chan-columns", columns.map(([name]) => `minmax(${WIDTHS[name][0]}px, ${WIDTHS[name][1]}fr)`).join(" "));
    scroller.style.setProperty("--wb-chan-width", `${leastWidth(columns)}px`);
    for (const input of editing?.inputs ?? []) input.style.gridColumn = columns.findIndex(([name]) => name === input.dataset.bound) + 1;
  }

  function paintHead() {
    const tight = scroller.clientWidth < ROOMY;
    const key = JSON.stringify([columns.map((c) => [c[1], c[2]]), sorting, tight]);
    if (head.dataset.key === key) return;
    const focused = head.contains(document.activeElement) ? document.activeElement.dataset.column : null;
    head.dataset.key = key;
    head.replaceChildren(...columns.map(([name, title, meaning, , , down]) => {
      const on = sorting.name === name;
      return h("span", { class: "wb-chan-cell", role: "columnheader", "aria-sort": on ? (sorting.down ? "descending" : "ascending") : undefined },
        h("button", { class: "wb-sort", type: "button", title: `${meaning}; a click sorts`, data: { column: name }, text: `${title === "SQNR dB" && tight ? "dB" : title}${on ? (sorting.down ? " ▾" : " ▴") : ""}`, onclick: () => {
          sorting = on ? { name, down: !sorting.down } : { name, down };
          leave(false);
          scroller.scrollTop = 0;
          arrange();
          paint();
        } }));
    }));
    if (focused) head.querySelector(`[data-column="${focused}"]`)?.focus({ preventScroll: true });
  }

  // Where the channel lies in the tensor's range, 0 as a tick; what is cut off in another colour.
  function rangeBar(i) {
    const at = (x) => `${Math.max(0, Math.min(100, 50 + (50 * x) / (data.widest || 1))).toFixed(2)}%`;
    const piece = (kind, from, to) => {
      const bar = h("i", { class: kind });
      [bar.style.left, bar.style.right] = [at(from), `calc(100% - ${at(to)})`];
      return bar;
    };
    const [low, high] = [data.low[i], data.high[i]];
    const track = h("span", { class: "wb-chan-track" }, piece("wb-chan-extent", low, high));
    if (data.top && data.top[i] < high) track.append(piece("wb-chan-cut", Math.max(low, data.top[i]), high));
    if (data.top && data.bottom[i] > low) track.append(piece("wb-chan-cut", low, Math.min(high, data.bottom[i])));
    return track;
  }

  function cell([name, , meaning, , text], i) {
    const said = text(i);
    const box = h("span", { class: `wb-chan-cell wb-chan-${name}`, role: "gridcell", title: name === "range" ? `${figure3(data.low[i])} to ${figure3(data.high[i])}` : undefined, data: { column: name } });
    if (name === "range") box.append(rangeBar(i), h("span", { class: "wb-unseen", text: `${figure3(data.low[i])} to ${figure3(data.high[i])}` }));
    else if (name === "share") {
      const bar = h("i");
      bar.style.width = `${(100 * (data.share[i] / (data.mostShare || 1)) || 0).toFixed(1)}%`;
      box.append(h("span", { class: "wb-chan-part" }, bar), h("span", { class: "wb-chan-number", text: said }));
    } else box.textContent = said;
    return box;
  }

  function line(at) {
    const i = order[at];
    return h("div", { class: `wb-chan-row${i === cursor ? " wb-selected" : ""}`, role: "row", id: `${id}-${i}`, "aria-selected": i === cursor ? "true" : "false", "aria-rowindex": at + 2, data: { channel: String(i) } },
      ...columns.map((column) => cell(column, i)));
  }

  function paintRows() {
    rows.paint();
    attr(scroller, "aria-activedescendant", rows.has(order.indexOf(cursor)) ? `${id}-${cursor}` : null);
  }

  function paint() {
    paintHead();
    rows.fit();
    attr(scroller, "aria-rowcount", order.length + 1);
    paintRows();
    placeEditor();
  }

  function moveTo(i) {
    if (i === undefined || !(i >= 0) || i >= data.n) return;
    if (i !== cursor) { cursor = i; choose(i); }
    paintRows();
    rows.reveal(order.indexOf(i));
  }

  // Editing: fields over the cells of the row, in a line of their own that survives the painting of rows.
  function placeEditor() {
    edited.hidden = !editing;
    if (editing) edited.style.top = `${order.indexOf(editing.channel) * ROW}px`;
  }

  function edit(i, column) {
    if (!view.editable || i < 0 || i >= data.n) return;
    leave(true);
    moveTo(i);
    const inputs = columns.flatMap(([name, title]) => {
      if (name !== "top" && name !== "bottom") return [];
      const from = name === "top" ? data.top[i] : data.bottom[i];
      const input = h("input", { class: "wb-chan-input", type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-label": `${title === "T" ? "threshold" : `${title} threshold`} of channel ${i}`, title: "Enter sets it, Escape leaves it, arrow keys change it by 1 %", value: String(+from.toPrecision(5)), data: { bound: name } });
      return [input];
    });
    editing = { channel: i, inputs, before: inputs.map((input) => input.value) };
    edited.replaceChildren(...inputs);
    layOut();
    placeEditor();
    const first = inputs.find((input) => input.dataset.bound === column) ?? inputs[0];
    first.focus({ preventScroll: true });
    first.select();
  }

  // keep: what was typed is committed where it is another number than before.
  function leave(keep) {
    if (!editing) return true;
    const { channel, inputs, before } = editing;
    const values = inputs.map((input) => (input.value.trim() ? Number(input.value.trim().replace(MINUS, "-")) : NaN));
    const wrong = inputs.filter((_, at) => !Number.isFinite(values[at]));
    if (keep && wrong.length) {
      for (const input of inputs) attr(input, "aria-invalid", wrong.includes(input) ? "true" : null);
      return false;
    }
    editing = null;
    placeEditor();
    edited.replaceChildren();
    if (keep && inputs.some((input, at) => input.value !== before[at])) {
      const bound = (name) => values[inputs.findIndex((input) => input.dataset.bound === name)];
      const top = view.mirrored ? Math.abs(bound("top")) : bound("top");
      commit(channel, view.mirrored ? (view.signed || data.bottom[channel] < 0 ? -top : 0) : bound("bottom"), top);
    }
    return true;
  }

  function ours(event) { event.preventDefault(); event.stopPropagation(); }
  edited.addEventListener("keydown", (event) => {
    const input = event.target;
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") {
      ours(event);
      if (leave(event.key === "Enter")) scroller.focus({ preventScroll: true });
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      ours(event);
      const x = Number(input.value.replace(MINUS, "-"));
      const step = 0.01 * (Math.abs(x) || data.widest || 1) * (event.shiftKey ? 10 : 1);
      if (Number.isFinite(x)) input.value = String(+(x + (event.key === "ArrowUp" ? step : -step)).toPrecision(5));
    }
  });
  edited.addEventListener("input", (event) => attr(event.target, "aria-invalid", null));
  edited.addEventListener("focusout", (event) => {
    if (!editing || edited.contains(event.relatedTarget)) return;
    if (!leave(true)) leave(false); // what is no number is given up
  });

  body.addEventListener("pointerdown", (event) => {
    const row = event.target.closest("[data-channel]");
    if (!row || event.button !== 0) return;
    const [i, column] = [+row.dataset.channel, event.target.closest("[data-column]")?.dataset.column];
    if (view.editable && (column === "top" || column === "bottom")) { event.preventDefault(); edit(i, column); }
    else { scroller.focus({ preventScroll: true }); moveTo(i); }
  });
  scroller.addEventListener("keydown", (event) => {
    if (event.target !== scroller || !data?.n) return;
    const at = order.indexOf(cursor);
    const next = rows.next(event, at);
    if (next !== undefined) { ours(event); moveTo(order[next]); }
    else if (event.key === "Enter" && cursor >= 0) { ours(event); edit(cursor); }
    else if (event.key === "Escape" && cursor >= 0) { ours(event); cursor = -1; choose(-1); paintRows(); }
  });
  scroller.addEventListener("scroll", () => data && paintRows(), { passive: true });

  return {
    element: scroller,
    // chosen: the channel that is looked at, -1 for none.
    show(newData, newView, chosen) {
      [data, view, cursor] = [newData, newView, chosen];
      data.mostShare = data.share.reduce((a, b) => (b > a ? b : a), 0);
      if (editing && (editing.channel >= data.n || !view.editable)) leave(false);
      layOut();
      arrange();
      paint();
    },
    resized() {
      if (!data) return;
      layOut();
      paint();
    },
    top() { scroller.scrollTop = 0; },
    // Headings and rows as they are sorted now. texts: as they are shown; else the numbers themselves.
    cells(texts) {
      const all = columns.filter(([name]) => name !== "range");
      return [all.map(([, title]) => title), ...Array.from(order, (i) => all.map(([, , , value, text]) => (texts ? text(i) : String(value(i)))))];
    },
  };
}
