// The picture of mixes: size across, output SQNR upwards. Dots stay the same elements while figures come in.

const PAD = { left: 34, right: 14, top: 16, bottom: 28 };
const REACH = 9; // px around a dot

const mixKilobytes = (x) => x.toLocaleString("en-US", { maximumFractionDigits: x < 100 ? 1 : 0 });

// "3 int4, 19 int8: 213 kB, 28.4 dB, 98.9 % same answers"
function mixSentence(row) {
  const db = Number.isFinite(number(row.db)) ? `${decibels(row.db)} dB` : decibels(row.db);
  const same = row.agreement === null ? "" : `, ${percent(row.agreement)} % same answers`;
  return `${row.words}: ${mixKilobytes(row.kb)} kB, ${db}${same}`;
}

// choose(key): a dot was clicked, or the keys went to it. Returns {element, draw(view, chosen)}.
function mixesChart(choose) {
  const picture = svg("svg", { class: "wb-mix-svg", role: "radiogroup", "aria-label": "measured mixes: size of all constants in kB against output SQNR in dB; left and right go along the front, up and down through all" });
  const ground = svg("g", { "aria-hidden": "true" }, picture);
  const layers = { off: svg("g", {}, picture), front: svg("g", {}, picture) }; // the front lies over the others
  const above = svg("g", { "aria-hidden": "true" }, picture);
  const element = h("div", { class: "wb-mix-chart" }, picture);
  const dots = new Map(); // key -> its dot
  let [rows, chosen] = [[], ""];

  function dotOf(row) {
    if (!dots.has(row.key)) {
      const dot = svg("g", { role: "radio", class: "wb-mix-dot" });
      svg("title", {}, dot);
      svg("circle", { r: REACH, class: "wb-mix-reach" }, dot);
      svg("circle", { r: 3.6, class: "wb-mix-ring" }, dot);
      svg("circle", { r: 3.6, class: "wb-mix-point" }, dot);
      dots.set(row.key, dot);
    }
    return dots.get(row.key);
  }

  // Finite figures alone span the axis; "exact" is drawn at its top, what overflows at its bottom.
  function scales(v, width, height) {
    const finite = rows.map((row) => number(row.db)).filter(Number.isFinite);
    if (v.now && Number.isFinite(number(v.now.db))) finite.push(v.now.db);
    const kb = rows.map((row) => row.kb);
    if (v.now) kb.push(v.now.kb);
    let [low, high] = [Math.min(...finite, Infinity), Math.max(...finite, -Infinity)];
    if (low > high) [low, high] = [0, 1];
    let [left, right] = [Math.min(...kb), Math.max(...kb)];
    const room = [(right - left || 1) * 0.04, (high - low || 1) * 0.1]; // and a name below the lowest
    [left, right, low, high] = [left - room[0], right + room[0], low - 2 * room[1], high + room[1]];
    const inside = (value) => Math.max(low, Math.min(high, value === null ? low : number(value)));
    return {
      span: [left, right, low, high],
      x: (value) => PAD.left + ((value - left) * (width - PAD.left - PAD.right)) / (right - left),
      y: (value) => PAD.top + ((high - inside(value)) * (height - PAD.top - PAD.bottom)) / (high - low),
    };
  }

  function drawGround(v, width, height, { span: [left, right, low, high], x, y }) {
    ground.replaceChildren();
    const [floor, end] = [height - PAD.bottom, width - PAD.right];
    for (const tick of roundTicks(low, high, Math.max(2, Math.min(7, (floor - PAD.top) / 18)))) {
      svg("line", { x1: PAD.left, x2: end, y1: y(tick), y2: y(tick), class: "wb-mix-grid" }, ground);
      svg("text", { x: PAD.left - 5, y: y(tick) + 4, class: "wb-mix-tick", "text-anchor": "end" }, ground, String(+tick.toPrecision(4)).replace("-", MINUS));
    }
    for (const tick of roundTicks(left, right, Math.max(2, width / 80))) svg("text", { x: x(tick), y: floor + 12, class: "wb-mix-tick", "text-anchor": "middle" }, ground, tick.toLocaleString("en-US"));
    svg("line", { x1: PAD.left, x2: end, y1: floor, y2: floor, class: "wb-mix-axis" }, ground);
    svg("text", { x: 0, y: 10, class: "wb-mix-tick" }, ground, "output SQNR, dB");
    svg("text", { x: (PAD.left + end) / 2, y: height - 4, class: "wb-mix-tick", "text-anchor": "middle" }, ground, "all constants, kB");
    const asked = v.asked || {};
    if (asked.kb !== null && asked.kb >= left && asked.kb <= right) {
      const [at, flip] = [x(asked.kb), x(asked.kb) > end - 40];
      svg("line", { x1: at, x2: at, y1: PAD.top, y2: floor, class: "wb-mix-asked" }, ground);
      const taken = v.now && Math.abs(x(v.now.kb) - at) < 64 && y(v.now.db) < PAD.top + 26; // "now" stands there
      if (!taken) svg("text", { x: at + (flip ? -4 : 4), y: PAD.top + 9, class: "wb-mix-tick", "text-anchor": flip ? "end" : "start" }, ground, "asked");
    }
    if (asked.db !== null && asked.db >= low && asked.db <= high) {
      svg("line", { x1: PAD.left, x2: end, y1: y(asked.db), y2: y(asked.db), class: "wb-mix-asked" }, ground);
      svg("text", { x: PAD.left + 3, y: y(asked.db) - 3, class: "wb-mix-tick" }, ground, "asked");
    }
    const front = rows.filter((row) => row.front);
    svg("polyline", { points: front.map((row) => `${x(row.kb).toFixed(1)},${y(row.db).toFixed(1)}`).join(" "), class: "wb-mix-front" }, ground);
  }

  // Names stand right below their dots, where the front does not go; the present recipe's is at the other side.
  function drawAbove(v, width, { x, y }) {
    above.replaceChildren();
    const name = (words, a, b, end) => svg("text", { x: a + (end ? -6 : 6), y: b, class: "wb-mix-name", "text-anchor": end ? "end" : "start" }, above, words);
    for (const row of rows.filter((each) => each.everywhere)) name(`all ${row.everywhere}`, x(row.kb), y(row.db) + 13, x(row.kb) > width - 60);
    if (v.now) {
      const [a, b] = [x(v.now.kb), y(v.now.db)];
      svg("path", { d: `M${a - 5},${b}H${a + 5}M${a},${b - 5}V${b + 5}`, class: "wb-mix-now" }, above);
      name("now", a, b - 5, a > 60);
    }
    const at = rows.find((row) => row.key === chosen);
    if (at) svg("circle", { cx: x(at.kb), cy: y(at.db), r: 7, class: "wb-mix-chosen" }, above);
  }

  function draw(v, now) {
    [rows, chosen] = [v.mixes, now];
    v = { ...v, now: (!v.stale && rows.find((row) => row.present)) || v.now }; // among the mixes it is measured on the same samples
    const [width, height] = [element.clientWidth, element.clientHeight];
    if (width < 80 || height < 40 || !rows.length) return;
    attr(picture, "width", width);
    attr(picture, "height", height);
    const place = scales(v, width, height);
    drawGround(v, width, height, place);
    const stop = rows.some((row) => row.key === chosen) ? chosen : rows[0].key;
    for (const row of rows) {
      const dot = dotOf(row);
      attr(dot, "transform", `translate(${place.x(row.kb).toFixed(1)},${place.y(row.db).toFixed(1)})`);
      attr(dot, "tabindex", row.key === stop ? "0" : "-1");
      attr(dot, "aria-checked", row.key === chosen ? "true" : "false");
      const words = `${mixSentence(row)}${row.front ? "" : "; another mix is smaller and better"}`;
      attr(dot, "aria-label", words);
      put(dot.firstChild, words);
      dot.classList.toggle("wb-mix-off", !row.front);
      const layer = row.front ? layers.front : layers.off;
      if (dot.parentNode === layer) continue;
      const had = document.activeElement === dot;
      layer.append(dot);
      if (had) dot.focus({ preventScroll: true });
    }
    for (const [key, dot] of dots) {
      if (rows.some((row) => row.key === key)) continue;
      dot.remove();
      dots.delete(key);
    }
    drawAbove(v, width, place);
  }

  function take(row) {
    choose(row.key);
    dots.get(row.key).focus({ preventScroll: true });
  }

  // Dots lie over one another: the nearest is meant, rather one of the front.
  picture.addEventListener("click", (event) => {
    const far = (row) => {
      const b = dots.get(row.key).lastChild.getBoundingClientRect();
      return Math.hypot(event.clientX - (b.left + b.right) / 2, event.clientY - (b.top + b.bottom) / 2) + (row.front ? 0 : 3);
    };
    const near = [...rows].sort((a, b) => far(a) - far(b))[0];
    if (near && far(near) <= REACH) take(near);
  });
  picture.addEventListener("keydown", (event) => {
    const at = rows.findIndex((row) => dots.get(row.key) === event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const front = rows.flatMap((row, i) => (row.front ? [i] : []));
    const moves = {
      ArrowRight: front.find((i) => i > at) ?? at, ArrowLeft: front.findLast((i) => i < at) ?? at,
      ArrowUp: at + 1, ArrowDown: at - 1, Home: 0, End: rows.length - 1, " ": at, Enter: at,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    take(rows[Math.max(0, Math.min(rows.length - 1, moves[event.key]))]);
  });
  return { element, draw };
}
