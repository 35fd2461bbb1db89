// Is the calibration set good? Two drawings of the selected tensor, and a list of those that drift most.

const MARKS = { drift: ["drift", "the evaluation data differ from the calibration data"], narrow: ["narrow", "the calibrated range cuts off more than 8 bits round"], moving: ["moving", "the whole range still grows with more samples"] };

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page wb-quality", "calibration data");
  const verdict = h("div", { class: "wb-page-words", role: "status" });
  const overlayHead = h("div", { class: "wb-quality-head" });
  const overlay = h("div", { class: "wb-quality-chart" });
  const mark = h("div", { class: "wb-quality-words" });
  const againstHead = h("div", { class: "wb-quality-head" });
  const against = h("div", { class: "wb-quality-chart" });
  const enough = h("div", { class: "wb-quality-words" });
  const listHead = h("div", { class: "wb-quality-head" });
  const list = h("div", { class: "wb-quality-list", role: "listbox", tabindex: "0", "aria-label": "tensors, those that drift most first" });
  const body = h("div", { class: "wb-quality-body" },
    h("div", { class: "wb-quality-part wb-quality-overlay" }, overlayHead, overlay, mark),
    h("div", { class: "wb-quality-part" }, againstHead, against, enough),
    h("div", { class: "wb-quality-part wb-quality-tensors" }, listHead, list));
  const none = h("p", { class: "wb-empty" });
  root.append(verdict, body, none);
  const id = `wb-quality-${Math.random().toString(36).slice(2, 8)}`;
  let cursor = "";

  const count = (n) => n.toLocaleString("en-US");
  const legend = (className, words, n) => h("span", { class: `wb-quality-key ${className}` }, words, h("span", { class: "wb-quality-n", text: ` ${count(n)}` }));
  function paintHeads(v) {
    const zeros = v.bins && (v.bins.zeros[0] > 0.001 || v.bins.zeros[1] > 0.001) ? `zeros ${percent(v.bins.zeros[0], 0)}${v.bins.evaluation ? ` / ${percent(v.bins.zeros[1], 0)}` : ""} %` : "";
    overlayHead.replaceChildren(...[
      legend("wb-quality-key-calibration", "calibration", v.n_calibration),
      v.bins?.evaluation ? legend("wb-quality-key-evaluation", "evaluation", v.n_evaluation) : null,
      h("span", { class: "wb-quality-rest", text: zeros, title: "share of exact zeros, which are not drawn" })].filter(Boolean));
    overlayHead.title = `${v.tensor}: share of the values (logarithmic) against the value; the range chosen is marked`;
    againstHead.replaceChildren(h("b", { text: v.against ? v.against.headline : "…" }), h("span", { class: "wb-quality-rest", text: v.against ? `${v.method}, range against samples` : "" }));
    againstHead.title = v.against ? `${v.tensor}: ends of the range by ${v.method} for random sets of so many calibration samples: median, and band of 5 to 95 %` : "";
  }

  function paintList(v) {
    put(listHead, v.evaluation === "none" ? "ranges still moving" : v.evaluation === "counting" ? "still moving · drift follows" : "most drift first");
    const lines = v.rows.map(([tensor, kind, figure, words], i) => h("div", {
      class: `wb-quality-row${tensor === v.tensor ? " wb-selected" : ""}${tensor === cursor ? " wb-quality-cursor" : ""}`, role: "option", id: `${id}-${i}`, title: `${tensor}: ${words}`,
      "aria-selected": tensor === v.tensor ? "true" : "false", data: { tensor } },
      h("span", { class: "wb-quality-name" }, h("bdi", { dir: "ltr", text: tailOf(tensor) })),
      h("span", { class: `wb-quality-mark wb-quality-${kind || "alike"}`, text: kind ? MARKS[kind][0] : "alike", title: kind ? MARKS[kind][1] : words }),
      h("span", { class: "wb-quality-figure", text: figure, title: kind === "moving" ? "how far the range is off with half of the samples" : "Jensen-Shannon distance of both distributions, 0 to 1" })));
    list.replaceChildren(...(lines.length ? lines : [h("p", { class: "wb-muted", text: v.evaluation === "none" ? "none: there are enough samples" : "…" })]));
    const at = v.rows.findIndex(([tensor]) => tensor === cursor);
    attr(list, "aria-activedescendant", at >= 0 ? `${id}-${at}` : null);
  }

  const draw = () => {
    const v = model.get("view");
    if (v.missing) return;
    drawOverlay(overlay, v);
    drawAgainst(against, v);
  };
  const paint = () => {
    const v = model.get("view");
    put(none, v.missing);
    none.hidden = !v.missing;
    body.hidden = verdict.hidden = Boolean(v.missing);
    if (v.missing) return;
    put(verdict, v.verdict);
    verdict.title = v.verdict;
    body.classList.toggle("wb-quality-stale", v.stale);
    paintHeads(v);
    put(mark, v.mark ? v.mark[1] : v.evaluation === "counting" ? "counting the evaluation data…" : v.evaluation === "none" ? "calibration data alone" : "");
    mark.title = mark.textContent;
    mark.className = `wb-quality-words wb-quality-${v.mark?.[0] || "alike"}`;
    put(enough, v.against ? [v.note, v.against.words].filter(Boolean).join(" ") : "trying random sets of samples…");
    enough.title = enough.textContent;
    paintList(v);
    draw();
  };
  const select = (tensor) => model.send({ kind: "select", tensor });
  list.addEventListener("click", (event) => {
    const line = event.target.closest("[data-tensor]");
    if (!line) return;
    cursor = line.dataset.tensor;
    select(cursor);
  });
  list.addEventListener("keydown", (event) => {
    const { rows, tensor } = model.get("view");
    if (!rows.length || event.ctrlKey || event.metaKey || event.altKey) return;
    const known = rows.findIndex(([name]) => name === cursor);
    const at = known >= 0 ? known : rows.findIndex(([name]) => name === tensor);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 5, PageUp: at - 5, Home: 0, End: rows.length - 1 };
    if (event.key === "Enter" || event.key === " ") { if (at >= 0) select(rows[at][0]); }
    else if (event.key in moves) {
      cursor = rows[Math.min(rows.length - 1, Math.max(0, moves[event.key]))][0];
      paintList(model.get("view"));
      list.querySelector(".wb-quality-cursor")?.scrollIntoView({ block: "nearest" });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  listen(model, "change:view", paint, signal);
  const size = new ResizeObserver(draw);
  size.observe(overlay);
  size.observe(against);
  signal?.addEventListener("abort", () => size.disconnect());
  paint();
  sayHello(model, signal);
}

export default { render };
