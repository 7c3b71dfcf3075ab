// A text field with line numbers, marks and colours.
//
// The field itself is the browser's, with its own undo, selection, input methods and screen reader. Its
// letters are transparent: what is seen lies below, the same text in the same font, coloured and marked.
// Every change that this page makes goes through the browser's own editing, so that undo takes it back.

import { make } from "./make.js";

// Beyond this, colouring would be felt while typing.
const MOST_COLOURED = 200_000;

const TOKEN = /(#.*$)|("(?:\\.|[^"\\])*"?|'[^']*'?)|([A-Za-z_][\w.-]*)(?=\s*:(?:\s|$))|(\d[\w.]*)|([^\s#"'{}[\],:]+|.)/g;
const CLASSES = [null, "comment", "string", "key", "number", null];

function coloured(line) {
  const parts = [];
  for (const match of line.matchAll(TOKEN)) {
    const kind = match.findIndex((group, at) => at > 0 && group !== undefined);
    // Within a word, `#` begins no comment.
    if (kind === 1 && match.index > 0 && !/\s/.test(line[match.index - 1])) {
      parts.push([match.index, match.index + 1, null]);
      for (const [start, end, name] of coloured(line.slice(match.index + 1))) {
        parts.push([start + match.index + 1, end + match.index + 1, name]);
      }
      return parts;
    }
    parts.push([match.index, match.index + match[0].length, CLASSES[kind]]);
  }
  return parts;
}

const RANK = { error: 2, warning: 1 };

export class Editor {
  constructor(field, under, gutter, changed) {
    Object.assign(this, { field, under, gutter, changed });
    this.marks = [];
    this.text = "";
    field.addEventListener("input", () => this.#edited());
    field.addEventListener("keydown", (event) => this.#key(event));
    gutter.addEventListener("click", (event) => {
      const row = event.target.closest("[data-start]");
      if (row) this.select(Number(row.dataset.start), Number(row.dataset.end));
    });
  }

  // Another text, and nothing to undo.
  load(text) {
    this.field.value = text;
    this.text = text;
    this.marks = [];
    this.#draw();
  }

  // Replaces one stretch, as if it were typed.
  replace(start, end, text) {
    this.field.focus();
    this.field.setSelectionRange(start, end);
    const done = text === ""
      ? start === end || document.execCommand("delete")
      : document.execCommand("insertText", false, text);
    if (!done) {
      this.field.setRangeText(text, start, end, "end");
      this.#edited();
    }
  }

  // Replaces everything, and leaves alone what is the same.
  become(text) {
    const [start, end, added] = difference(this.text, text);
    if (start === end && added === "") return;
    this.replace(start, end, added);
    this.select(start, start + added.length);
  }

  // Makes edits that belong together; one undo takes them back. They are of this text: where it has been
  // typed in since, they would hit something else, and nothing is done.
  apply(edits, text) {
    if (text !== this.text) return;
    const starts = lineStarts(this.text);
    const at = ([line, column]) => Math.min((starts[line] ?? this.text.length) + column, this.text.length);
    let edited = text;
    for (const edit of [...edits].reverse()) {
      edited = edited.slice(0, at(edit.start)) + edit.text + edited.slice(at(edit.end));
    }
    this.become(edited);
  }

  // Marks the places of findings. They count lines and columns of the text as it is now.
  mark(findings) {
    const starts = lineStarts(this.text);
    this.marks = findings.map((finding) => ({
      start: starts[finding.start[0]] + finding.start[1],
      end: starts[finding.end[0]] + finding.end[1],
      severity: finding.severity,
      message: finding.message,
    }));
    this.#draw();
  }

  // Where a line and column is in the text.
  offset([line, column]) {
    return (lineStarts(this.text)[line] ?? this.text.length) + column;
  }

  select(start, end) {
    this.field.focus({ preventScroll: true });
    this.field.setSelectionRange(start, end);
    const line = this.text.slice(0, start).split("\n").length - 1;
    this.gutter.children[line]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #edited() {
    const before = this.text;
    this.text = this.field.value;
    // Marks behind a change move with their text; those that it touches are gone until they are found again.
    const [start, end, added] = difference(before, this.text);
    const moved = added.length - (end - start);
    this.marks = this.marks.flatMap((mark) => {
      if (mark.end < start) return [mark];
      if (mark.start > end) return [{ ...mark, start: mark.start + moved, end: mark.end + moved }];
      return [];
    });
    this.#draw();
    this.changed();
  }

  // A new line begins where the last one did. Tab stays what it is everywhere: the way to the next field.
  #key(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const at = this.field.selectionStart;
    const line = this.text.slice(this.text.lastIndexOf("\n", at - 1) + 1, at);
    const indent = line.match(/^ */)[0];
    if (indent === "") return;
    event.preventDefault();
    this.replace(at, this.field.selectionEnd, `\n${indent}`);
  }

  #draw() {
    const lines = this.text.split("\n");
    const plain = this.text.length > MOST_COLOURED;
    const under = document.createDocumentFragment();
    const gutter = document.createDocumentFragment();
    const marks = this.marks.map((mark) => visible(mark, this.text));
    let start = 0;
    lines.forEach((line, number) => {
      const end = start + line.length;
      const here = marks.filter((mark) => mark.start <= end && mark.end >= start);
      under.append(...pieces(line, start, plain ? [] : coloured(line), here), "\n");
      gutter.append(row(number, marks.filter((mark) => mark.start >= start && mark.start <= end)));
      start = end + 1;
    });
    this.under.replaceChildren(under);
    this.gutter.replaceChildren(gutter);
  }
}

// One line as pieces, each of one colour and under the same marks.
function pieces(line, start, colours, marks) {
  const cuts = new Set([0, line.length]);
  const cut = (at) => { if (at > 0 && at < line.length) cuts.add(at); };
  for (const [from, to] of colours) { cut(from); cut(to); }
  for (const mark of marks) { cut(mark.start - start); cut(mark.end - start); }
  const at = [...cuts].sort((a, b) => a - b);
  const made = [];
  for (let next = 1; next < at.length; next += 1) {
    const [from, to] = [at[next - 1], at[next]];
    const colour = colours.find(([first, last]) => first <= from && to <= last)?.[2];
    const worst = marks
      .filter((mark) => mark.start - start <= from && to <= mark.end - start)
      .reduce((worst, mark) => (RANK[mark.severity] > (RANK[worst] ?? 0) ? mark.severity : worst), undefined);
    const names = [colour, worst && `mark-${worst}`].filter(Boolean).join(" ");
    const words = line.slice(from, to);
    made.push(names === "" ? words : make("span", { class: names }, words));
  }
  return made;
}

// A line's number, and what is found on it.
function row(number, marks) {
  const worst = marks.reduce((worst, mark) => (RANK[mark.severity] > (RANK[worst?.severity] ?? 0) ? mark : worst), undefined);
  const attributes = worst && {
    class: `number-${worst.severity}`,
    title: marks.map((mark) => `${mark.severity}: ${mark.message}`).join("\n"),
    "data-start": worst.start,
    "data-end": worst.end,
  };
  return make("div", attributes ?? {}, String(number + 1));
}

// A mark that has no length is shown on the character beside it.
function visible(mark, text) {
  if (mark.end > mark.start) return mark;
  if (mark.start < text.length && text[mark.start] !== "\n") return { ...mark, end: mark.start + 1 };
  if (mark.start > 0 && text[mark.start - 1] !== "\n") return { ...mark, start: mark.start - 1 };
  return mark;
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

// The one stretch in which two texts differ: where it begins and ends in the first, and what is there in the second.
export function difference(before, after) {
  let start = 0;
  const shorter = Math.min(before.length, after.length);
  while (start < shorter && before[start] === after[start]) start += 1;
  let same = 0;
  while (same < shorter - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1;
  return [start, before.length - same, after.slice(start, after.length - same)];
}
