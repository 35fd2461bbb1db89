// The layers around the selected one: two steps before it at the left, two after it at the right.

const BOX = { height: 22, gap: 6, most: 190 };

// host: an element; nodes are buttons (focusable), edges lines of one SVG behind them. colour(place) -> a CSS colour.
function drawNeighbours(host, v, colour, words, choose) {
  const { clientWidth: width, clientHeight: height } = host;
  const focused = host.contains(document.activeElement) ? document.activeElement.dataset.place : undefined;
  if (width < 120 || height < BOX.height || !v.columns.length) return void host.replaceChildren();
  const step = width / 5;
  const box = Math.min(step - 26, BOX.most);
  const places = new Map();
  const nodes = v.columns.flatMap(([at, column]) => {
    const room = Math.max(1, Math.floor((height + BOX.gap) / (BOX.height + BOX.gap)));
    const shown = column.slice(0, room);
    return shown.map((place, row) => {
      const x = (at + 2) * step + (step - box) / 2;
      const y = (height - shown.length * (BOX.height + BOX.gap) + BOX.gap) / 2 + row * (BOX.height + BOX.gap);
      places.set(place, { x, y });
      const node = h("button", { class: at === 0 ? "wb-neighbour wb-selected" : "wb-neighbour", type: "button", title: words(place), data: { place: String(place) }, onclick: () => choose(place) },
        h("i", { class: "wb-neighbour-colour", "aria-hidden": "true" }), h("span", { class: "wb-neighbour-name" }, h("bdi", { dir: "ltr", text: v.names[place] })));
      node.style.cssText = `left:${x}px;top:${y}px;width:${box}px;height:${BOX.height}px`;
      node.firstChild.style.background = colour(place);
      return node;
    });
  });
  const picture = svg("svg", { width, height, class: "wb-neighbour-edges", "aria-hidden": "true" });
  for (const [from, to] of v.edges) {
    const [a, b] = [places.get(from), places.get(to)];
    if (!a || !b) continue;
    const [x1, y1, x2, y2] = [a.x + box, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2];
    const skips = x2 - x1 > step; // over a column: a curve around what stands between
    const dip = y1 > height / 2 ? height - 2 : 2;
    const bend = skips ? `C${x1 + 30},${dip} ${x2 - 30},${dip} ${x2},${y2}` : `C${x1 + 12},${y1} ${x2 - 12},${y2} ${x2},${y2}`;
    svg("path", { d: `M${x1},${y1}${bend}`, ...(skips ? { class: "wb-skip" } : {}) }, picture);
  }
  host.replaceChildren(picture, ...nodes);
  if (focused !== undefined) host.querySelector(`[data-place="${focused}"]`)?.focus({ preventScroll: true });
}
