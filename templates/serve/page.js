// The page: the manifest on one side, what it means on the other. It asks the program that serves it, and
// computes nothing of its own.

import { Gone, Refused, get, post } from "./ask.js";
import { Drill } from "./drill.js";
import { Editor } from "./editor.js";
import { Findings } from "./findings.js";
import { drawing, find, make } from "./make.js";
import { Timeline } from "./timeline.js";

// How long nothing may be typed before the text is looked at.
const PAUSE = 120;

// What is in the file, as far as this page knows.
const file = { text: "", revision: 0 };

const editor = new Editor(find("text"), find("under"), find("gutter"), edited);
const timeline = new Timeline(
  { choices: find("platforms"), whatIf: find("what-if"), sum: find("sum"), picture: find("picture") },
  look,
);
const findings = new Findings(find("findings"), find("summary"), find("fix-all"), {
  show: ({ start, end }) => editor.select(editor.offset(start), editor.offset(end)),
  apply: (edits, text) => editor.apply(edits, text),
  explain: (code) => get(`/api/explain/${code}`).then((page) => page.text, failed),
});

let pause;
function edited() {
  showSaved();
  clearTimeout(pause);
  pause = setTimeout(look, PAUSE);
}

// Looks at the text as it is. Of several questions under way only the last one's answer counts.
let asking = new AbortController();
async function look() {
  clearTimeout(pause);
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const asked = { text: editor.text, what_if: timeline.asked, platform: timeline.platform };
  try {
    const answer = await post("/api/look", asked, signal);
    if (signal.aborted || asked.text !== editor.text) return;
    editor.mark(answer.findings);
    findings.draw(answer, asked.text);
    timeline.draw(answer);
    document.documentElement.dataset.looked = String(Number(document.documentElement.dataset.looked ?? 0) + 1);
  } catch (error) {
    if (error.name !== "AbortError") failed(error);
  }
}

const isSaved = () => editor.text === file.text;

function showSaved() {
  find("unsaved").hidden = isSaved();
  find("save").disabled = isSaved();
  if (!isSaved()) say("");
}

// `over` is the revision that somebody has seen to be there, and writes over.
async function save(over = null) {
  if (isSaved() && over === null) return;
  const text = editor.text;
  try {
    const answer = await post("/api/save", { text, revision: over ?? file.revision, force: over !== null });
    if (answer.outcome === "changed") return changed(answer.words, answer.revision);
    Object.assign(file, { text, revision: answer.revision });
    notice(null);
    showSaved();
    say("saved");
  } catch (error) {
    failed(error);
  }
}

// Somebody else wrote the file: both texts are there, and a person chooses.
function changed(words, revision) {
  notice(
    words,
    ["Load the file (undo brings yours back)", () => load(true)],
    ["Write mine over it", () => save(revision)],
  );
}

async function load(keepUndo) {
  try {
    const opened = await get("/api/document");
    Object.assign(file, { text: opened.text, revision: opened.revision });
    if (keepUndo) editor.become(opened.text);
    else editor.load(opened.text);
    notice(null);
    showSaved();
    await look();
    return opened;
  } catch (error) {
    failed(error);
    return null;
  }
}

// Coming back to this page: has the file changed meanwhile?
async function again() {
  try {
    const opened = await get("/api/document");
    if (opened.revision === file.revision || opened.text === editor.text) {
      Object.assign(file, { text: opened.text, revision: opened.revision });
      showSaved();
    } else if (isSaved()) {
      await load(true);
      say("the file had changed, and was loaded again");
    } else {
      // The old revision stays: to save is refused until somebody has chosen.
      changed("The file has changed on disk since it was loaded, and you have changed it here.", opened.revision);
    }
  } catch (error) {
    failed(error);
  }
}

function say(words) {
  find("state").textContent = words;
}

function notice(words, ...ways) {
  const place = find("notice");
  place.hidden = words === null;
  place.replaceChildren(
    make("span", {}, words ?? ""),
    ...ways.map(([name, action]) => make("button", { type: "button", onclick: action }, name)),
  );
}

function failed(error) {
  if (!(error instanceof Refused || error instanceof Gone)) throw error;
  notice(error.message);
  return error.message;
}

find("save").addEventListener("click", () => save());
find("fix-all").addEventListener("click", async () => {
  try {
    const before = editor.text;
    const fixed = await post("/api/fix", { text: before });
    if (fixed.text !== null && editor.text === before) editor.become(fixed.text);
  } catch (error) {
    failed(error);
  }
});
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "s") {
    event.preventDefault();
    save();
  }
});
addEventListener("beforeunload", (event) => {
  if (!isSaved()) event.preventDefault();
});
addEventListener("focus", again);

// The hatchings that pictures are filled with.
const patterns = await fetch("patterns.svg").then((answer) => answer.text());
find("patterns").replaceChildren(drawing(`<svg xmlns="http://www.w3.org/2000/svg"><defs>${patterns}</defs></svg>`));

const opened = await load(false);
if (opened !== null) {
  find("name").textContent = opened.name;
  document.title = `${opened.name}, lifecycle`;
  if (opened.ends === "mixed") notice("This file ends its lines in several ways; saving makes them one.");
  const drill = new Drill(opened.command, () => ({ text: editor.text, platform: timeline.platform }));
  if (opened.has_drill) drill.watch();
}
