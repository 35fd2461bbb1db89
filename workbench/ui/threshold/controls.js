// The bar over the plot: what each colour means, and what is shown.

function buildBar(view) {
  const bar = make("div", "wb-plot-bar", view.root);
  view.legend = make("div", "wb-plot-legend", bar);
  view.unzoom = iconButton(bar, "unzoom", "whole range: as far as the values and the handles go");
  const segments = (label, names, what) => {
    const group = make("div", "wb-segments", bar, { role: "group", "aria-label": label });
    const buttons = names.map((name) => {
      const button = make("button", "wb-segment", group, BUTTON);
      button.textContent = name;
      button.title = `${what} on a ${name.startsWith("log") ? "logarithmic" : "linear"} scale`;
      return button;
    });
    return [group, buttons];
  };
  view.codes = iconButton(bar, "codes", "histogram of codes: how often each code is used, as bars on a scale of their own in place of the quantized line");
  view.samples = iconButton(bar, "samples", EACH_SAMPLE);
  view.extremes = iconButton(bar, "extremes", "extreme values: which sample, channel and place they came from");
  view.extremes.setAttribute("aria-haspopup", "dialog");
  view.extremes.setAttribute("aria-expanded", "false");
  view.save = iconButton(bar, "save", "save picture of the tensor: thresholds and numbers drawn in, as SVG or PNG");
  view.save.setAttribute("aria-haspopup", "dialog");
  view.save.addEventListener("click", () => {
    const detail = { of: "tensor", anchor: view.save };
    view.root.closest(".workbench-app")?.dispatchEvent(new CustomEvent("workbench-picture", { detail }));
  });
  [view.axis, view.axes] = segments("value axis", ["linear axis", "log axis"], "values");
  [view.toggle, view.counts] = segments("scale of the counts", ["log", "linear"], "counts");
}

const ICONS = {
  unzoom: "M1.5 4v8M14.5 4v8M3.5 8h9M5.5 6l-2 2 2 2M10.5 6l2 2-2 2",
  codes: "M1 13.5h14M3.5 13V8M6.5 13V4M9.5 13V6M12.5 13v-3",
  samples: "M1 13.5c3.5 0 3-10.5 5-10.5s2 10.5 9 10.5M1 13.5c5 0 5-6.5 7-6.5s2.5 6.5 7 6.5",
  extremes: "M1 12.5h14M3 12V4.5h3V12M13 10a1.6 1.6 0 1 1-.01 0",
  save: "M8 1.5v8M5 6.5l3 3 3-3M2 10.5v3.5h12v-3.5",
};

// A button that is a small picture, drawn in the colour of its text; its name is said and stands in the tooltip.
function iconButton(parent, name, title) {
  const button = make("button", `wb-quiet-button wb-icon wb-icon-${name}`, parent, { ...BUTTON, title, "aria-label": title.split(":")[0] });
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 16 16");
  picture.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(picture.namespaceURI, "path");
  line.setAttribute("d", ICONS[name]);
  picture.append(line);
  button.append(picture);
  return button;
}

const LEGEND = [["band", "pruned to 0"], ["float", "float values"], ["quantized", "quantized"], ["codes", "codes"], ["mse", "MSE"], ["rounding", "rounding"], ["clipping", "clipping"], ["kl", "KL"]];

function writeLegend(plot) {
  const { legend } = plot.view;
  const { meta } = plot;
  const entries = { handles: LEGEND, levels: LEGEND.slice(0, 4), float: LEGEND.slice(0, 2), own_range: [] }[meta.kind];
  legend.replaceChildren();
  const undrawn = [];
  if (plot.live && (plot.live.tableOnly || meta.format.fine)) undrawn.push("quantized");
  undrawn.push(showsCodes(plot) ? "quantized" : "codes");
  if (!(meta.zero_band > 0) || meta.groups) undrawn.push("band");
  for (const [key, words] of entries.filter(([name]) => !undrawn.includes(name))) {
    const item = make("span", "wb-legend-item", legend);
    item.classList.add(`wb-legend-${key}`);
    make("i", key === "band" ? "wb-swatch wb-swatch-flushed" : key === "codes" ? "wb-swatch wb-swatch-codes" : `wb-line wb-line-${key}`, item);
    item.append(words);
  }
  plot.view.before = make("span", "wb-legend-item wb-legend-before", legend);
  plot.view.before.title = "thresholds and quantized values before the last change";
  make("i", "wb-line wb-line-before", plot.view.before);
  plot.view.before.append("before");
  show(plot.view.before, false);
  for (const band of plot.meta.bands || []) {
    const item = make("span", "wb-legend-item", legend);
    make("i", `wb-swatch wb-swatch-${band.name.split(" ")[0]}`, item);
    item.append(`${band.name} `);
    make("b", "", item).textContent = counted(band.count);
  }
  if (plot.meta.kind === "own_range") {
    const item = make("span", "wb-legend-item", legend);
    item.append("exact zeros ");
    make("b", "", item).textContent = counted(plot.meta.n_zeros);
  }
  paintSamples(plot);
}

function paintControls(plot) {
  const { view, meta, geometry, model } = plot;
  const log = model.get("log_counts");
  view.counts.forEach((button, i) => button.setAttribute("aria-pressed", String((i === 0) === log)));
  show(view.toggle, Boolean(meta) && !meta.one_by_one);
  view.codes.setAttribute("aria-pressed", String(model.get("show_codes")));
  view.codes.disabled = !canShowCodes(plot);
  const logAxis = model.get("log_axis");
  view.axes.forEach((button, i) => button.setAttribute("aria-pressed", String((i === 1) === logAxis)));
  show(view.axis, Boolean(meta) && meta.kind !== "own_range"); // magnitudes are logarithmic always
  const range = meta && meta.axis;
  const whole = range && range[1] - range[0];
  const zoomed = geometry && whole && (Math.abs(geometry.range[0] - range[0]) > 1e-3 * whole || Math.abs(geometry.range[1] - range[1]) > 1e-3 * whole);
  show(view.unzoom, Boolean(zoomed));
}
