// Names where there is little room: shortened so that no two of them look alike.

// "blocks.0.depthwise.conv" -> words and what stands between them, in turn.
const SEAMS = /([./]+)/;

const stem = (word) => word.replace(/\d+$/, "");

// Word without its number -> the first letters of it that no other word of the names begins with.
function beginnings(names) {
  const words = [...new Set(names.flatMap((name) => name.split(SEAMS).map(stem)))].sort();
  const shared = (a, b) => {
    let n = 0;
    while (n < a.length && a[n] === b?.[n]) n++;
    return n;
  };
  return new Map(words.map((word, i) => [word, word.slice(0, 1 + Math.max(shared(word, words[i - 1]), shared(word, words[i + 1])))]));
}

// The path with words from the front on cut to what tells them apart, as few and as little as is needed; numbers stay.
// The last word tells most: it is cut only where that is not enough.
function begun(name, begins, fits) {
  const parts = name.split(SEAMS);
  const fitting = () => fits(parts.join(""));
  for (let at = 0; at < parts.length - 1 && !fitting(); at += 2) {
    const [whole, word] = [parts[at], stem(parts[at])];
    const ending = whole.slice(word.length);
    const least = begins.get(word).length;
    parts[at] = word.slice(0, least) + ending;
    for (let n = word.length - 1; n > Math.max(least, 2) && fitting(); n--) {
      parts[at] = word.slice(0, n) + ending;
      if (fitting()) return parts.join("");
      parts[at] = word.slice(0, least) + ending;
    }
  }
  const [last, path] = [parts.pop(), parts.join("")];
  const short = path + cutInside(last, (text) => fits(path + text));
  return fits(short) ? short : cutInside(name, fits);
}

// Both ends, as many letters as fit; the tail gets more of them.
function cutInside(name, fits) {
  const letters = [...name];
  const cut = (n) => `${letters.slice(0, Math.floor(n / 3)).join("")}…${letters.slice(letters.length - Math.ceil((2 * n) / 3)).join("")}`;
  let [some, tooMany] = [1, letters.length];
  while (tooMany - some > 1) {
    const n = (some + tooMany) >> 1;
    if (fits(cut(n))) some = n;
    else tooMany = n;
  }
  return fits(name) || letters.length < 3 ? name : cut(some);
}

// What stands for each name in `room(i)` px: beginnings of words, else both ends, else its number and its ends.
// widthOf(text): px.
function shortNames(names, room, widthOf) {
  const fitting = (i) => (text) => widthOf(text) <= room(i);
  const begins = beginnings(names);
  const found = names.map((name, i) => begun(name, begins, fitting(i)));
  const alike = () => {
    const places = new Map();
    found.forEach((label, i) => (places.get(label) ?? places.set(label, []).get(label)).push(i));
    return [...places.values()].filter((group) => group.length > 1).flat();
  };
  for (const i of alike()) found[i] = cutInside(names[i], fitting(i));
  for (const i of alike()) {
    const mark = `${i + 1}: `;
    found[i] = mark + cutInside(names[i], (text) => widthOf(mark + text) <= room(i));
  }
  return found;
}

// widthOf for a font: letters are measured once, so that thousands of names take a moment.
function letterWidths(font) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = font;
  const known = new Map();
  return (text) => {
    let width = 0;
    for (const letter of text) {
      if (!known.has(letter)) known.set(letter, pen.measureText(letter).width);
      width += known.get(letter);
    }
    return width;
  };
}
