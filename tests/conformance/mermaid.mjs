// Reads a gantt with Mermaid's own parser: what it took for tasks, as JSON, in milliseconds of the day.
//
//     node mermaid.mjs MODULES < FILE

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const from = (path) => import(pathToFileURL(join(modules, "node_modules", path)));
// What cleans the text of a rendered diagram needs a browser's document; the parser does not.
const { default: purify } = await from("dompurify/dist/purify.es.mjs");
purify.addHook = () => {};
purify.sanitize = (text) => text;
const { default: mermaid } = await from("mermaid/dist/mermaid.core.mjs");

const text = readFileSync(0, "utf8");
await mermaid.parse(text);
const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
const midnight = new Date();
midnight.setHours(0, 0, 0, 0);
const tasks = diagram.db.getTasks().map((task) => ({
  section: task.section,
  name: task.task.trim(),
  start: task.startTime - midnight,
  end: task.endTime - midnight,
  milestone: Boolean(task.milestone),
}));
console.log(JSON.stringify({ type: diagram.type, title: diagram.db.getDiagramTitle(), tasks }));
