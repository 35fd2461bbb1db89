// Long lists: only the rows in sight are in the page, and the keys that go from row to row.

// line(at): a new element for a row, which is placed here. count(): how many there are. row: height of one, px.
// head: rows that a heading covers which stays at the top of the scroller.
function virtualRows(scroller, body, { row, spare, count, line, head = 0 }) {
  let [first, last] = [0, 0];

  function paint() {
    first = Math.max(0, Math.floor(scroller.scrollTop / row) - spare);
    last = Math.min(count(), Math.ceil((scroller.scrollTop + scroller.clientHeight) / row) + spare);
    const lines = [];
    for (let at = first; at < last; at++) {
      const element = line(at);
      element.style.top = `${at * row}px`;
      lines.push(element);
    }
    body.replaceChildren(...lines);
  }

  return {
    paint,
    fit() { body.style.height = `${count() * row}px`; },
    has: (at) => at >= first && at < last,
    reveal(at) {
      if (at < 0) return;
      const bottom = (at + 1 + head) * row - scroller.clientHeight;
      if (at * row < scroller.scrollTop) scroller.scrollTop = at * row;
      else if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
    },
    // The row that a key leads to from row `at`; undefined for other keys.
    next(event, at) {
      if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
      const page = Math.max(1, Math.floor(scroller.clientHeight / row) - 1 - head);
      const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count() - 1 };
      return Object.hasOwn(moves, event.key) && count() ? Math.min(count() - 1, Math.max(0, moves[event.key])) : undefined;
    },
  };
}
