// Saves pictures: a small choice beside the button that asked, then plotly's own button of a figure that is out of sight.

const KINDS = [["svg", "SVG", "lines and text that stay sharp and can be edited"], ["png", "PNG", "pixels, two for each on the screen; on white paper"]];
const PATIENCE = 3000; // looks, 16 ms apart

function render({ model, el, host, signal }) {
  const root = rootOf(el, "wb-saving", "saving pictures");
  let asked = null; // what this view waits for: another view of the same app saves nothing
  let anchor = root;
  const words = h("span", { class: "wb-save-words", role: "status", text: "Save picture" });
  const buttons = KINDS.map(([format, text, title]) => h("button", { class: "wb-save-kind", type: "button", text, title, data: { format }, onclick: () => save(format) }));
  const menu = popupOf(() => anchor, "wb-save-picture", "save the picture", { width: 232, opened: (box) => { put(words, "Save picture as"); box.replaceChildren(words, ...buttons); }, closed() {} });
  let of = "";
  const busy = (now) => buttons.forEach((button) => { attr(button, "aria-disabled", now ? "true" : null); });

  function save(format) {
    if (asked) return;
    asked = { of, format };
    busy(true);
    put(words, "Drawing…");
    model.send({ kind: "save", of, format });
  }
  function ended(text) {
    asked = null;
    busy(false);
    if (text) put(words, text);
    else menu.hide(true);
  }

  const until = async (found) => {
    for (let i = 0; i < PATIENCE && !found() && !signal?.aborted; i++) await new Promise((next) => setTimeout(next, 16));
    return found();
  };
  async function download() {
    const reference = model.get("figure");
    if (!reference || !asked) return;
    const place = h("div", { class: "wb-saving-figure", "aria-hidden": "true", inert: true });
    root.append(place);
    const drawn = new AbortController();
    try {
      const child = await figureOf(reference, host, signal);
      if (!child) return;
      await child.render({ el: place, signal: drawn.signal });
      const button = await until(() => place.querySelector(".modebar-btn"));
      if (!button) return void ended("The figure was not drawn.");
      button.click();
      await until(() => !place._snapshotInProgress);
      ended("");
    } catch (error) {
      ended(`It could not be saved: ${error.message}`);
    } finally {
      drawn.abort();
      place.remove();
      model.send({ kind: "saved" });
    }
  }
  listen(model, "change:figure", download, signal);
  const heard = (content) => { if (content.kind === "refused" && asked) ended(content.words); };
  listen(model, "msg:custom", heard, signal);
  hearApp(root, signal, "workbench-picture", (event) => {
    const again = menu.isOpen() && anchor === event.detail.anchor;
    menu.hide(again);
    if (again || asked) return;
    ({ of, anchor } = event.detail);
    menu.show();
  });
  inApp(root, signal, (app) => app.classList.add("wb-saves"));
  signal?.addEventListener("abort", () => menu.hide());
  sayHello(model, signal);
}

export default { render };
