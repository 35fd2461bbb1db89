// The input check, with a second tab for remarks; a bad verdict also stands across the app until it is waved away.

function render({ model, el, signal }) {
  const root = rootOf(el, "wb-inputs", "input check and notes");
  const tabs = h("div", { class: "wb-small-tabs", role: "tablist" });
  const pictures = h("div", { class: "wb-pictures" });
  const facts = h("div", { class: "wb-input-facts" });
  const verdict = h("div", { class: "wb-verdict" });
  const input = h("div", { role: "tabpanel" }, h("div", { class: "wb-input-line" }, pictures, facts), verdict);
  const notes = h("ul", { class: "wb-notes", role: "tabpanel", hidden: true });
  root.append(tabs, input, notes);
  let tab = "input";
  let dismissed = false;
  let banner = null;
  const button = (name) => h("button", { class: "wb-small-tab", type: "button", role: "tab", onclick: () => { tab = name; paint(); } });
  const buttons = { input: button("input"), notes: button("notes") };
  tabs.append(buttons.input, buttons.notes);

  const value = (x) => { const v = number(x); return v === null ? "–" : Math.abs(v) >= 1000 || (v !== 0 && Math.abs(v) < 0.01) ? v.toExponential(1) : v.toFixed(2); };
  const signed = (x) => value(x).replaceAll("-", MINUS);

  function paintPictures(v) {
    const bytes = model.get("pixels");
    pictures.replaceChildren();
    let offset = 0;
    for (const [height, width] of v.sizes) {
      const length = 3 * width * height;
      if (!bytes || bytes.byteLength < offset + length) return;
      const rgb = new Uint8Array(bytes.buffer, bytes.byteOffset + offset, length);
      offset += length;
      const canvas = h("canvas", { width, height, class: "wb-picture", role: "img", "aria-label": "a sample as the model sees it", title: `a sample as the model sees it: lowest value black, highest white, ${width} × ${height} shown` });
      const image = canvas.getContext("2d").createImageData(width, height);
      for (let i = 0; i < width * height; i++) {
        image.data.set([rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2], 255], 4 * i);
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
      pictures.append(canvas);
    }
  }

  function paintBanner(report) {
    const app = appOf(root);
    const wanted = report && !report.ok && !dismissed && app;
    app?.classList.toggle("wb-warned", Boolean(wanted));
    if (!wanted) { banner?.remove(); banner = null; return; }
    if (!banner) {
      const close = h("button", { class: "wb-button", type: "button", text: "Go on", onclick: () => { dismissed = true; paint(); } });
      banner = ownKeys(h("div", { class: "wb-banner", role: "alert" }, h("span"), close));
      app.append(banner);
    }
    put(banner.firstChild, report.sentences.slice(0, 2).join(" "));
    banner.firstChild.title = report.sentences.join(" ");
  }

  function paint() {
    const v = model.get("view");
    const r = v.report;
    const remarks = [...v.trouble, ...v.notices];
    put(buttons.input, "Input");
    put(buttons.notes, remarks.length ? `Notes ${remarks.length}` : "Notes");
    attr(buttons.input, "aria-selected", String(tab === "input"));
    attr(buttons.notes, "aria-selected", String(tab === "notes"));
    input.hidden = tab !== "input";
    notes.hidden = tab !== "notes";
    notes.replaceChildren(...(remarks.length ? remarks : ["Nothing to remark."]).map((words) => h("li", { text: words })));
    facts.replaceChildren();
    if (r) {
      facts.append(
        h("div", {}, h("span", { class: "wb-muted", text: "range " }), h("b", { text: `${signed(r.low)} to ${signed(r.high)}` })),
        h("div", {}, h("span", { class: "wb-muted", text: "mean " }), h("b", { text: `${signed(r.mean)} ± ${signed(r.std)}` })));
      if (r.accuracy !== null) facts.append(h("div", {}, h("span", { class: "wb-muted", text: "accuracy " }), h("b", { text: `${percent(r.accuracy)} %` })));
      facts.title = `of what the model is fed, on ${r.n} samples; accuracy of the float network`;
    }
    verdict.className = r ? (r.ok ? "wb-verdict wb-good" : "wb-verdict wb-bad") : "wb-verdict";
    put(verdict, r ? r.sentences.join(" ") : v.has_data ? "Looking at the data…" : "No data yet: give them with wb.App(model, data). Weights can be chosen and exported without.");
    verdict.title = r ? r.sentences.join(" ") : "";
    paintBanner(r);
  }
  const both = () => { paintPictures(model.get("view")); paint(); };
  listen(model, "change:view", both, signal);
  listen(model, "change:pixels", both, signal);
  signal?.addEventListener("abort", () => banner?.remove());
  both();
  requestAnimationFrame(paint); // by then the panel is in its app
  sayHello(model, signal);
}

export default { render };
