// Samples whose answer changed, as cards; their pictures come when they are scrolled to.

const SOON = 60; // ms to gather the samples that come into sight together

function samplePictures(list, ask) {
  const known = new Map(); // sample -> ImageData, null for one that is no picture
  const wished = new Set();
  let timer = 0;
  const draw = (canvas) => {
    const image = known.get(Number(canvas.dataset.picture));
    if (!image) return;
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
  const wish = (sample) => {
    if (known.has(sample)) return;
    wished.add(sample);
    clearTimeout(timer);
    timer = setTimeout(() => ask([...wished]), SOON);
  };
  const sight = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) if (isIntersecting) wish(Number(target.dataset.picture));
  }, { root: list, rootMargin: "100px" });
  return {
    of(sample) {
      const canvas = h("canvas", { class: "wb-sample-picture", width: 8, height: 8, data: { picture: sample }, "aria-hidden": "true" });
      draw(canvas);
      if (!known.has(sample)) sight.observe(canvas);
      return canvas;
    },
    take({ sizes }, buffer) {
      const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      let offset = 0;
      for (const [sample, height, width] of sizes) {
        wished.delete(sample);
        known.set(sample, width ? new ImageData(width, height) : null);
        for (let i = 0; i < width * height; i++) {
          known.get(sample).data.set([bytes[offset + 3 * i], bytes[offset + 3 * i + 1], bytes[offset + 3 * i + 2], 255], 4 * i);
        }
        offset += 3 * width * height;
      }
      for (const canvas of list.querySelectorAll("canvas")) {
        if (!known.has(Number(canvas.dataset.picture))) continue;
        sight.unobserve(canvas);
        draw(canvas);
      }
    },
    forget() { sight.disconnect(); clearTimeout(timer); },
  };
}

const RIGHT = { true: [" ✓", "wb-good", "right by its label"], false: [" ✗", "wb-bad", "wrong by its label"] };

// "Float ✓" over the three largest scores of one network.
function answersOf(title, scores, right, label, unit) {
  const [mark, tone, meaning] = RIGHT[right] || ["", "", ""];
  const column = h("span", { class: "wb-sample-answers" }, h("span", { class: "wb-sample-whose", title: meaning, text: title }, h("span", { class: tone, text: mark })));
  for (const [index, score, name] of scores) {
    const line = h("span", { class: index === label ? "wb-sample-score wb-sample-label" : "wb-sample-score", title: `class ${index}${name ? ` (${name})` : ""}: ${unit} ${score}${index === label ? ", its label" : ""}` },
      h("i"), h("span", { text: name || String(index) }), h("span", { text: unit === "probability" ? score.toFixed(2) : String(+score.toPrecision(3)).replace("-", MINUS) }));
    if (unit === "probability") line.firstChild.style.width = `${100 * Math.min(1, Math.max(0, score))}%`;
    column.append(line);
  }
  return column;
}

function cardOf(row, pictured, pictures, open) {
  const label = row.label === null ? "" : `label ${row.label_name || row.label}`;
  const card = h("button", { class: "wb-sample", type: "button", data: { sample: row.sample }, title: `${row.words}\nA click shows this sample's error along the depth.`, "aria-label": `sample ${row.sample}${label ? `, ${label}` : ""}: ${row.words}`, onclick: () => open(row.sample) });
  if (pictured) card.append(pictures.of(row.sample));
  const head = h("span", { class: "wb-sample-head" }, h("b", { text: `sample ${row.sample}` }), h("span", { text: label }));
  const body = h("span", { class: "wb-sample-body" }, head);
  if (row.float) {
    body.append(h("span", { class: "wb-sample-both" },
      answersOf("float", row.float, row.float_right, row.label, row.unit), answersOf("chosen", row.chosen, row.chosen_right, row.label, row.unit)));
  } else if (row.float_right !== null) {
    const word = (right) => (right ? "right ✓" : "wrong ✗");
    head.append(h("span", { text: `float ${word(row.float_right)}, chosen ${word(row.chosen_right)}` }));
  }
  body.append(h("span", { class: "wb-sample-words", text: row.words }));
  card.append(body);
  return card;
}

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-page wb-samples-page", "samples whose answer changed");
  const count = h("b", { role: "status" });
  const agreement = h("span", { class: "wb-samples-agreement" });
  const means = h("div", { class: "wb-page-words wb-samples-means" });
  const task = h("select", { class: "wb-select wb-samples-task", "aria-label": "task: what the outputs are", onchange: () => model.send({ kind: "task", task: task.value }) });
  const line = h("div", { class: "wb-samples-line" }, count, agreement, h("label", {}, h("span", { text: "task" }), task));
  const list = h("div", { class: "wb-samples", role: "group", "aria-label": "changed samples, the worst first" });
  const none = h("p", { class: "wb-empty" });
  root.append(line, means, list, none);
  const pictures = samplePictures(list, (samples) => model.send({ kind: "pictures", samples }));
  const open = (sample) => model.send({ kind: "open", sample });

  let listed = "";
  function paintList() {
    const { pictured } = model.get("view");
    const rows = model.get("rows");
    const key = JSON.stringify([pictured, rows]);
    if (key === listed) return;
    listed = key;
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.sample : null;
    list.replaceChildren(...rows.map((row) => cardOf(row, pictured, pictures, open)));
    list.querySelector(`[data-sample="${focused}"]`)?.focus({ preventScroll: true });
    rove(list.querySelector(`[data-sample="${focused}"]`) || list.firstElementChild);
  }
  // One card takes part in the order of the Tab key; arrows go to the others.
  function rove(card) {
    for (const each of list.children) attr(each, "tabindex", each === card ? "0" : "-1");
  }
  list.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow") && event.key !== "Home" && event.key !== "End") return;
    event.stopPropagation();
    moveAmong(list, event);
  });
  list.addEventListener("focusin", (event) => rove(event.target.closest(".wb-sample")));

  const paint = () => {
    const v = model.get("view");
    const many = (n) => n.toLocaleString("en-US");
    line.hidden = v.agreement === null && !v.task.because && !v.missing.startsWith("output");
    put(count, `${many(v.n_changed)} of ${many(v.n)} answers changed${v.updating ? " · updating…" : v.listed < v.n_changed ? ` · the worst ${v.listed}` : ""}`);
    count.hidden = agreement.hidden = v.agreement === null;
    put(agreement, `agreement ${percent(v.agreement)} %`);
    put(means, `${v.means} ${v.task.because}`);
    agreement.title = means.title = means.textContent;
    fillSelect(task, v.task.options, v.task.value);
    task.title = v.task.because;
    put(none, v.missing);
    none.hidden = !v.missing;
    list.hidden = Boolean(v.missing);
    for (const card of list.children) attr(card, "aria-current", Number(card.dataset.sample) === v.sample ? "true" : null);
    root.classList.toggle("wb-stale", v.updating);
    paintList();
  };
  listen(model, "change:view", paint, signal);
  listen(model, "change:rows", paintList, signal);
  listen(model, "msg:custom", (content, buffers) => { if (content.kind === "pictures") pictures.take(content, buffers[0]); }, signal);
  signal?.addEventListener("abort", pictures.forget);
  paint();
  sayHello(model, signal);
}

export default { render };
