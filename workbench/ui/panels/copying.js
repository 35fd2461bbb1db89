// Buttons that put text into the clipboard and say so.

// text(): what is copied. The label comes back when the pointer leaves.
function copyButton(label, title, text) {
  const button = h("button", { class: "wb-button", type: "button", text: label, title });
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(text()); put(button, "Copied"); } catch { put(button, "No access to the clipboard"); }
  });
  const again = () => put(button, label);
  button.addEventListener("pointerleave", again);
  button.addEventListener("blur", again);
  return button;
}

// Cells (rows of texts, headings first) as a Markdown table and as CSV. right: which columns are numbers.
function markdownOf(rows, right) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head), `| ${right.map((r) => (r ? "--:" : "---")).join(" | ")} |`, ...body.map(line)].join("\n");
}

function csvOf(rows) {
  const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return rows.map((cells) => cells.map((text) => cell(String(text).replaceAll(MINUS, "-"))).join(",")).join("\n");
}
