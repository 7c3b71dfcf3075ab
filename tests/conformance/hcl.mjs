// Reads HCL with HashiCorp's own parser, compiled to WebAssembly in @cdktf/hcl2json: a line a file,
// `accepted` or `refused`, and what it read or said.
//
//     node hcl.mjs MODULES FILE...

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, ...files] = process.argv.slice(2);
const { parse } = createRequire(join(modules, "reader.js"))("@cdktf/hcl2json");
for (const file of files) {
  try {
    const read = await parse(file, readFileSync(file, "utf8"));
    console.log("accepted " + JSON.stringify(read));
  } catch (error) {
    console.log("refused " + JSON.stringify(String(error)));
  }
}
process.exit(0);
