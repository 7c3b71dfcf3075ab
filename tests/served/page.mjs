// A person at the local page. Usage: node page.mjs URL MANIFEST PID, the last that of the server, which is
// interrupted at the end.
//
// LIFECYCLE_PLAYWRIGHT is the directory of playwright-core, LIFECYCLE_CHROMIUM the browser, LIFECYCLE_SHOTS
// a directory for pictures, where they are wanted.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const { chromium } = createRequire(import.meta.url)(process.env.LIFECYCLE_PLAYWRIGHT);
const [url, manifest, server] = process.argv.slice(2);
const origin = new URL(url).origin;
const onDisk = () => readFileSync(manifest, "utf8");
const original = onDisk();

const browser = await chromium.launch({
  executablePath: process.env.LIFECYCLE_CHROMIUM,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
const page = await context.newPage();
page.setDefaultTimeout(20_000);

// What must not happen on any page of ours.
const wrong = [];
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
});
page.on("pageerror", (error) => wrong.push(`script: ${error.stack}`));
page.on("request", (request) => {
  if (!request.url().startsWith(`${origin}/`)) wrong.push(`asked elsewhere: ${request.url()}`);
});
await page.addInitScript(() => {
  addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
});

const text = () => page.locator("#text").inputValue();
const looked = () => page.evaluate(() => Number(document.documentElement.dataset.looked ?? 0));
// Does something to the text, and waits until it was looked at.
async function edit(change) {
  const before = await looked();
  await change();
  await page.waitForFunction((before) => Number(document.documentElement.dataset.looked ?? 0) > before, before);
}
// Selects the first place of some words in the field, and types others.
async function type(words, others) {
  await page.locator("#text").evaluate((field, words) => {
    const at = field.value.indexOf(words);
    if (at < 0) throw new Error(`${words} is not there`);
    field.focus();
    field.setSelectionRange(at, at + words.length);
  }, words);
  await page.keyboard.type(others);
}
async function shot(name) {
  if (process.env.LIFECYCLE_SHOTS) await page.screenshot({ path: `${process.env.LIFECYCLE_SHOTS}/${name}.png`, fullPage: true });
}
async function fitsAt(width) {
  const before = page.viewportSize();
  await page.setViewportSize({ width, height: 844 });
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= room, `at ${width} px the page is ${wide} px wide, ${room} are there`);
  await shot(`narrow-${width}`);
  await page.setViewportSize(before);
}
const errors = page.locator("#findings > .error");
const done = (what) => console.log(`ok: ${what}`);

// Load.
await page.goto(url);
await page.waitForFunction(() => document.documentElement.dataset.looked === "1");
assert.equal(await text(), original);
assert.equal(await page.evaluate(() => location.href), `${origin}/`, "the token stays in the address");
assert.equal(await errors.count(), 0);
assert.equal(await page.locator("#unsaved").isHidden(), true);
const drawn = await page.locator("#picture").innerHTML();
assert.ok(drawn.includes("<svg"), "no timeline is drawn");
await shot("loaded");
done("the page loads, with the manifest, its findings and its timeline");

// An edit that breaks the budget.
await edit(() => type("timeout: 5s", "timeout: 50s"));
const error = errors.first();
assert.match(await error.innerText(), /shutdown needs .* Kubernetes allows 30s/);
assert.match(await page.locator("#summary").innerText(), /^2 errors, 1 warning/);
assert.ok((await page.locator("#gutter .number-error").count()) > 0, "nothing in the gutter");
assert.ok((await page.locator("#under .mark-error").count()) > 0, "nothing underlined");
assert.match(await page.locator("#sum").innerText(), /missing/);
assert.notEqual(await page.locator("#picture").innerHTML(), drawn, "the timeline stands still");
assert.equal(await page.locator("#unsaved").isVisible(), true);
assert.equal(onDisk(), original, "nobody asked to save");
// Letters lie where their colours are.
const [field, under] = await page.evaluate(() => ["text", "under"].map((id) => {
  const element = document.getElementById(id);
  const { font, lineHeight, paddingLeft, paddingTop, letterSpacing } = getComputedStyle(element);
  const { x, y, width, height } = element.getBoundingClientRect();
  return JSON.stringify({ font, lineHeight, paddingLeft, paddingTop, letterSpacing, x, y, width, height });
}));
assert.equal(field, under, "the field and its colours lie apart");
await shot("broken");
await fitsAt(390);
done("an edit that breaks the budget is found, in list, gutter, text and picture");

// The finding leads to its place.
await error.locator(".place").first().click();
const selected = await page.locator("#text").evaluate((field) => field.value.slice(field.selectionStart, field.selectionEnd));
assert.match(selected, /kubernetes/);
await error.locator("summary").click();
await error.locator(".page", { hasText: "grace-too-short" }).waitFor();
done("a finding leads to its place and to its rule's page");

// The page stays open while another platform is looked at, and the focus stays where it was.
await error.locator("summary").focus();
await edit(() => page.locator("#platforms input[value=pm2]").evaluate((choice) => choice.click()));
assert.equal(await error.locator("details[open] .page").count(), 1, "the rule's page is closed");
assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY", "the focus is lost");
await edit(() => page.locator("#platforms input[value=kubernetes]").check());
done("what does not change in the list of findings stays as it is");

// What comes of a step that hangs.
await edit(() => page.locator("#what-if").selectOption({ index: 1 }));
assert.ok((await page.locator("#picture svg").count()) > 0);
await shot("what-if");
await edit(() => page.locator("#what-if").selectOption({ index: 0 }));
assert.match(await page.locator("#picture").textContent(), /Kubernetes/);
await edit(() => page.locator("#platforms input[value=pm2]").check());
assert.match(await page.locator("#picture").textContent(), /PM2/);
await edit(() => page.locator("#platforms input[value=kubernetes]").check());
done("each platform is drawn, and a step may hang in the picture");

// Its fix, undo and redo.
const broken = await text();
await edit(() => error.locator("button.apply").first().click());
const mended = await text();
assert.match(mended, /grace_period: /);
assert.equal(await errors.filter({ hasText: "Kubernetes" }).count(), 0, "the fix mends nothing");
assert.equal(await errors.count(), 1, "the other platform's is another");
assert.equal(await page.locator("#gutter .number-error").count(), 1);
assert.equal(onDisk(), original, "a fix writes nothing");
await edit(() => page.keyboard.press("Control+z"));
assert.equal(await text(), broken, "undo");
assert.equal(await errors.count(), 2);
await edit(() => page.keyboard.press("Control+Shift+z"));
assert.equal(await text(), mended, "redo");
done("a fix is applied, undone and done again");

// All safe fixes at once.
await edit(() => page.keyboard.press("Control+z"));
await edit(() => page.locator("#fix-all").click());
assert.equal(await errors.count(), 0);
done("all safe fixes are made at once");

// Answers that come late count for nothing.
let held = 0;
await page.route("**/api/look", async (route) => {
  held += 1;
  if (held === 1) await new Promise((resolve) => setTimeout(resolve, 700));
  await route.continue().catch(() => {});
});
await type("service: peer", "service: Peer_");
await page.waitForFunction(() => true);
while (held < 1) await page.waitForTimeout(20);
await edit(() => type("service: Peer_", "service: peer"));
await page.waitForTimeout(900);
assert.equal(await errors.count(), 0, "an old answer has come through");
await page.unroute("**/api/look");
done("an answer to an older text is dropped");

// A fix is of the text in which it was found: in another one it would hit other words.
await edit(() => type("timeout: 50s", "timeout: 500s"));
await page.route("**/api/look", async (route) => {
  await new Promise((resolve) => setTimeout(resolve, 700));
  await route.continue().catch(() => {});
});
const fix = errors.first().locator("button.apply").first();
await type("lifecycle: 1", "# one line more\nlifecycle: 1");
const typed = await text();
await fix.click();
assert.equal(await text(), typed, "a fix hit another text");
await page.unroute("**/api/look");
await edit(() => page.keyboard.press("Control+z"));
while ((await errors.count()) > 0) await edit(() => page.keyboard.press("Control+z"));
done("a fix that was found in an older text hits nothing");

// Leaving with changes is warned of.
const warned = page.waitForEvent("dialog");
const closing = page.close({ runBeforeUnload: true });
const dialog = await warned;
assert.equal(dialog.type(), "beforeunload");
await dialog.dismiss();
await closing;
done("leaving with unsaved changes is warned of");

// Saving.
const saved = await text();
await page.locator("#text").focus();
await page.keyboard.press("Control+s");
await page.locator("#unsaved").waitFor({ state: "hidden" });
assert.equal(onDisk(), saved);
done("Ctrl+S writes the file");

// Somebody else writes the file meanwhile.
const theirs = `# theirs\n${original}`;
await edit(() => type("settle: 0s", "settle: 1s"));
writeFileSync(manifest, theirs);
await page.locator("#save").click();
await page.locator("#notice").waitFor({ state: "visible" });
assert.match(await page.locator("#notice").innerText(), /changed on disk/);
assert.equal(onDisk(), theirs, "what somebody else wrote was written over");
await shot("changed");
await fitsAt(390);
await edit(() => page.locator("#notice button", { hasText: "Load the file" }).click());
assert.equal(await text(), theirs);
assert.equal(await page.locator("#unsaved").isHidden(), true);
done("a file that changed on disk is not written over");

// The keyboard alone.
await page.locator("#text").focus();
await page.keyboard.press("Tab");
assert.notEqual(await page.evaluate(() => document.activeElement.id), "text", "Tab is caught in the field");
await page.locator("#text").evaluate((field) => {
  const at = field.value.indexOf("  http:") + "  http:".length;
  field.focus();
  field.setSelectionRange(at, at);
});
await edit(() => page.keyboard.press("Enter"));
assert.match(await text(), /\n {2}http:\n {2} \{/);
await edit(() => page.keyboard.press("Control+z"));
assert.equal(await text(), theirs);
done("Tab leaves the field, and a new line is indented as the last");

// The same page, dark.
const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
const light = await paper();
await page.emulateMedia({ colorScheme: "dark" });
assert.notEqual(await paper(), light);
await shot("dark");
await page.emulateMedia({ colorScheme: "light" });
done("it is dark where that is preferred");

// Other pages of the same browser.
const attempts = `<!doctype html><title>elsewhere</title><script type="module">
  const target = ${JSON.stringify(origin)};
  const body = JSON.stringify({ text: "# gone", revision: 1, force: true });
  const tried = {
    plain: fetch(target + "/api/save", { method: "POST", mode: "no-cors", body }).then((answer) => answer.type),
    json: fetch(target + "/api/save", { method: "POST", headers: { "content-type": "application/json", "x-lifecycle-token": "0" }, body }).then(() => "answered"),
    read: fetch(target + "/api/document").then(() => "answered"),
    script: import(target + "/ask.js").then(() => "answered"),
    frame: new Promise((resolve) => {
      const frame = document.createElement("iframe");
      frame.onload = () => { try { resolve(frame.contentDocument === null ? "blocked" : frame.contentDocument.body.innerText); } catch { resolve("blocked"); } };
      frame.src = target + "/";
      document.body.append(frame);
    }),
  };
  const told = {};
  for (const [name, trial] of Object.entries(tried)) told[name] = await trial.catch(() => "blocked");
  window.told = told;
</script><body></body>`;
const elsewhere = createServer((_, response) => response.setHeader("content-type", "text/html").end(attempts));
await new Promise((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
const other = await context.newPage();
const refusals = [];
other.on("response", (response) => { if (response.url().startsWith(origin)) refusals.push(response.status()); });
await other.goto(`http://localhost:${elsewhere.address().port}/`);
await other.waitForFunction(() => window.told !== undefined);
const told = await other.evaluate(() => window.told);
assert.deepEqual(told, { plain: "blocked", json: "blocked", read: "blocked", script: "blocked", frame: "blocked" });
assert.ok(refusals.length > 0 && refusals.every((status) => status === 403), `answered with ${refusals}`);
assert.equal(onDisk(), theirs);
await other.close();
elsewhere.close();
done("a page of another site can ask, read, load and frame nothing");

// A drill, watched to its verdict.
await page.locator("#rate").fill("100");
await page.locator("#start").click();
await page.locator("#stop").waitFor({ state: "visible" });
await page.locator("#events li", { hasText: "under load" }).waitFor();
await page.waitForFunction(() => Number(document.querySelector('[data-count="served"]')?.textContent ?? 0) > 0);
await shot("drilling");
await page.locator("#verdict").waitFor({ state: "visible", timeout: 60_000 });
assert.match(await page.locator("#drill-words").innerText(), /^passed/);
for (const words of ["started, process", "ready after", "stop asked", "SIGTERM sent", "gone"]) {
  assert.ok((await page.locator("#events li", { hasText: words }).count()) > 0, `not seen: ${words}`);
}
assert.equal(await page.locator("#start").isVisible(), true);
await page.locator("#verdict details summary").first().click();
assert.match(await page.locator("#verdict pre").first().innerText(), /planned +measured/);
// The report, which shows what a program wrote, is no part of the page.
const report = await (await page.locator("iframe.report").elementHandle()).contentFrame();
await report.locator("svg:visible").first().waitFor();
assert.match(await report.locator("body").innerText(), /peer/);
const [from, reached] = await report.evaluate(() => {
  try {
    return [self.origin, parent.document.title];
  } catch {
    return [self.origin, null];
  }
});
assert.deepEqual([from, reached], ["null", null], "the report reaches the page");
await shot("drilled");
await fitsAt(390);
done("a drill is run, watched, and ends with its verdict");

// Loaded again, the page still knows it.
await page.reload();
await page.locator("#verdict").waitFor({ state: "visible" });
assert.match(await page.locator("#drill-words").innerText(), /^passed/);
done("the page loaded again shows the last drill");

// A drill ends with the program that plays it, and the page says so.
await page.locator("#start").click();
await page.locator("#events li", { hasText: "under load" }).waitFor();
assert.deepEqual(wrong, []);
process.kill(Number(server), "SIGINT");
await page.locator("#drill-words.bad-news").waitFor();
assert.match(await page.locator("#drill-words").innerText(), /lifecycle serve (was ended|is not running)|stopped/);
assert.equal(await page.locator("#start").isVisible(), true);
assert.deepEqual(wrong.filter((what) => what.startsWith("script")), []);
done("a drill that ends with the program is said to have no verdict");
done("no errors, no violations of the policy, and nothing asked of anybody else");
await browser.close();
