// One side of the sensitivity page: virtual rows, sorted by any column, bars or heat.

const ROW = 18;
const SPARE = 6;

// value -> how bad it is, in [0, 1], null where it is not known. All lists and formats share one scale, zeros have another.
function scaleOf(lists, zeros) {
  const at = lists.columns.flatMap((c, i) => (Boolean(c.side) === zeros ? [i] : []));
  const all = [...lists.weights, ...lists.activations].flatMap((row) => at.map((i) => number(row[3][i][0]))).filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  if (lists.gain) return (value) => (value === null ? null : Math.max(0, Math.min(1, value / Math.max(high, 0.1))));
  const quiet = Math.max(low + 10, Math.ceil(high / 10) * 10);
  return (value) => (value === null ? null : value === Infinity ? 0 : value === -Infinity ? 1 : Math.min(1, (quiet - value) / (quiet - low)));
}

function figureText([value, measured], gain) {
  const x = number(value);
  if (x === null) return "–";
  const text = Number.isFinite(x) && Math.abs(x) >= 99.95 ? String(Math.round(x)) : `${gain && x > 0.049 && Number.isFinite(x) ? "+" : ""}${decibels(x)}`;
  return measured ? text : `≈${text}`;
}

function spoken(cell, column, gain) {
  if (cell[0] === null) return cell[2] || "not tried";
  const what = gain ? "leaving it float changes the output SQNR by" : "output SQNR with this one alone:";
  const unit = Number.isFinite(number(cell[0])) ? " dB" : "";
  return `${column.title}: ${what} ${figureText(cell, gain)}${unit}, ${cell[1] ? "measured" : "estimated without a run"}`;
}

// The least width of a side, px.
function widthOf(lists, side) {
  const mains = lists.columns.filter((c) => !c.side).length;
  const zeros = lists.columns.filter((c) => c.side === side).length;
  return 64 + (mains === 1 ? 86 : mains * 49) + zeros * 57;
}

// select(tensor): a row was chosen. Returns {element, show(lists, scale, selected), rows()}.
function sideTable(side, title, select) {
  const head = h("div", { class: "wb-sens-row wb-sens-head", role: "row" });
  const body = h("div", { class: "wb-sens-body", role: "rowgroup" });
  const scroller = h("div", { class: "wb-sens-list", role: "grid", tabindex: "0", "aria-label": `${title} by what they cost the output` }, head, body);
  const empty = h("p", { class: "wb-sens-none", hidden: true, text: "none" });
  const element = h("div", { class: `wb-sens-side wb-sens-${side}` }, scroller, empty);
  const lines = virtualRows(scroller, body, { row: ROW, spare: SPARE, head: 1, count: () => shown.length, line: lineOf });
  const id = `wb-sens-${side}-${Math.random().toString(36).slice(2, 8)}`;
  let [lists, scale, selected, columns, shown] = [null, [], "", [], []]; // scale: of formats, of zeros
  let order = { column: 0, down: false }; // worst first
  let cursor = null; // name of the row the keys are at

  const badness = (cell, column) => scale[column.side ? 1 : 0](number(cell[0]));
  function arrange() {
    const at = columns.findIndex((column) => column.index === order.column);
    if (at < 0 && order.column >= 0) order = { column: columns[0]?.index ?? -1, down: false };
    const bad = (row) => badness(row[3][order.column], columns.find((c) => c.index === order.column));
    const sign = order.down ? 1 : -1;
    shown = [...lists[side]];
    if (order.column < 0) shown.sort((a, b) => -sign * a[0].localeCompare(b[0]));
    else {
      shown.sort((a, b) => {
        const [x, y] = [bad(a), bad(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (x - y);
      });
    }
  }

  function heading(text, column, hint) {
    const on = order.column === column;
    return h("span", { class: column < 0 ? "wb-sens-name" : "wb-sens-cell", role: "columnheader", "aria-sort": on ? (order.down ? "descending" : "ascending") : undefined },
      h("button", { class: "wb-sort", type: "button", title: hint, data: { column: String(column) }, text: `${text}${on ? (order.down ? " ▴" : " ▾") : ""}`, onclick: () => {
        order = on ? { column, down: !order.down } : { column, down: false };
        paintAll();
        head.querySelector(`[data-column="${column}"]`)?.focus();
      } }));
  }

  function paintHead() {
    const key = JSON.stringify([columns.map((c) => [c.title, c.index]), order, shown.length]);
    if (head.dataset.key === key) return;
    head.dataset.key = key;
    head.replaceChildren(heading(`${title} · ${shown.length}`, -1, "sort by name"),
      ...columns.map((c) => heading(c.title, c.index, `sort by ${c.title}; the worst first`)));
  }

  function cellOf(cell, column, bars) {
    const bad = badness(cell, column);
    const figure = h("span", { class: "wb-sens-figure", text: figureText(cell, lists.gain) });
    const state = cell[0] === null ? " wb-sens-unknown" : cell[1] ? "" : " wb-sens-estimated";
    const box = h("span", { class: `wb-sens-cell${bars ? " wb-sens-bars" : " wb-sens-heat"}${state}`, role: "gridcell", title: spoken(cell, column, lists.gain) });
    if (bars) {
      const bar = h("i", { class: "wb-sens-bar" });
      bar.style.width = `${(100 * (bad ?? 0)).toFixed(1)}%`;
      box.append(h("span", { class: "wb-sens-track" }, bar));
    } else box.style.setProperty("--wb-heat", `${(55 * (bad ?? 0)).toFixed(0)}%`);
    box.append(figure);
    return box;
  }

  function lineOf(at) {
    const bars = columns.filter((c) => !c.side).length === 1;
    const row = shown[at];
    const chosen = row[2].includes(selected);
    return h("div", { class: `wb-sens-row${chosen ? " wb-selected" : ""}${row[0] === cursor ? " wb-sens-cursor" : ""}`, role: "row", id: `${id}-${at}`, "aria-selected": chosen ? "true" : "false", "aria-rowindex": at + 2, data: { at: String(at), tensor: row[1] } },
      h("span", { class: "wb-sens-name", role: "gridcell", title: row[0] }, h("bdi", { dir: "ltr", text: tailOf(row[0]) })),
      ...columns.map((c) => cellOf(row[3][c.index], c, bars && !c.side)));
  }

  function paintRows() {
    lines.paint();
    const at = shown.findIndex((row) => row[0] === cursor);
    attr(scroller, "aria-activedescendant", lines.has(at) ? `${id}-${at}` : null);
  }

  function paintAll() {
    if (!lists) return;
    columns = lists.columns.map((c, index) => ({ ...c, index })).filter((c) => !c.side || c.side === side);
    arrange();
    const mains = columns.filter((c) => !c.side).length;
    const widths = columns.map((c) => (c.side ? "54px" : mains === 1 ? "minmax(80px, 1.25fr)" : "46px"));
    element.style.setProperty("--wb-sens-columns", `minmax(56px, 1fr) ${widths.join(" ")}`);
    element.style.setProperty("--wb-sens-width", `${widthOf(lists, side)}px`);
    lines.fit();
    attr(scroller, "aria-rowcount", shown.length + 1);
    empty.hidden = shown.length > 0;
    paintHead();
    paintRows();
  }

  body.addEventListener("click", (event) => {
    const line = event.target.closest("[data-at]");
    if (!line) return;
    cursor = shown[+line.dataset.at][0];
    select(line.dataset.tensor);
    paintRows();
  });
  scroller.addEventListener("keydown", (event) => {
    if (event.target !== scroller || event.ctrlKey || event.metaKey || event.altKey || !shown.length) return;
    const known = shown.findIndex((row) => row[0] === cursor);
    const at = known >= 0 ? known : shown.findIndex((row) => row[2].includes(selected));
    const next = lines.next(event, at);
    if (event.key === "Enter" || event.key === " ") { if (at >= 0) select(shown[at][1]); }
    else if (next !== undefined) {
      cursor = shown[next][0];
      lines.reveal(next);
      paintRows();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  scroller.addEventListener("scroll", paintRows, { passive: true });
  return {
    element,
    show(newLists, newScale, now) { [lists, scale, selected] = [newLists, newScale, now]; paintAll(); },
    resized: () => lists && paintRows(),
    rows: () => shown,
  };
}

// Headings and figures of both sides as texts, as they are sorted now; empty where nothing was tried.
function sensitivityCells(lists, tables) {
  const unit = lists.gain ? "gain dB" : "output SQNR dB";
  const head = ["side", "name", ...lists.columns.flatMap((c) => [c.title === unit ? unit : `${c.title}, ${unit}`, "measured"])];
  const of = (cell) => (cell[0] === null ? ["", ""] : [String(cell[0]), cell[1] ? "yes" : "estimate"]);
  const body = Object.entries(tables).flatMap(([side, table]) => table.rows().map((row) => [side, row[0], ...row[3].flatMap(of)]));
  return [head, ...body];
}
