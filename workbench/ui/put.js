// Writes only what differs, and into the text that is there: the browser lays out little anew, finds no styles of other
// elements anew, as it does for a new node, and a reader's selection stays.
function put(element, text) {
  const { firstChild } = element;
  if (firstChild instanceof Text && firstChild === element.lastChild) writeText(firstChild, text);
  else if (element.textContent !== text) element.textContent = text;
}

function writeText(node, text) {
  const words = String(text ?? "");
  if (node.data !== words) node.data = words;
}
