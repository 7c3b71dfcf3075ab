// Opens pictures in Chromium as a person would. Usage: node picture.mjs PAGE.html DRAWING.svg...
//
// LIFECYCLE_PLAYWRIGHT is the directory of playwright-core, LIFECYCLE_CHROMIUM the browser.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(import.meta.url)(process.env.LIFECYCLE_PLAYWRIGHT);
const [page_file, ...drawings] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.LIFECYCLE_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(20_000);
const wrong = [];
page.on("console", (message) => wrong.push(`console: ${message.text()}`));
page.on("pageerror", (error) => wrong.push(`script: ${error.stack}`));
page.on("request", (request) => {
  if (!request.url().startsWith("file:")) wrong.push(`asked elsewhere: ${request.url()}`);
});

const state = () => page.evaluate(() => ({
  outcome: document.querySelector(".outcome").textContent,
  exit: document.querySelector("g[data-moment=exit] text").textContent,
  rows: [...document.querySelectorAll("section:first-of-type tr[data-lane]")].map((row) => ({
    name: row.querySelector(".name").textContent,
    takes: row.querySelector(".value").textContent,
    bars: [...row.querySelectorAll("svg.lane rect")].map((rect) => rect.getAttribute("class")),
    right: Math.max(...[...row.querySelectorAll("svg.lane rect:not(.planned)")].map((rect) => rect.getBoundingClientRect().right)),
  })),
}));

// The page as it opens, and by the keyboard alone.
await page.goto(pathToFileURL(page_file).href);
const planned = await state();
assert.equal(planned.outcome, "");
assert.match(planned.exit, /^exits by /);
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.id), "what");
await page.locator("button.name", { hasText: "orders-db" }).first().focus();
await page.keyboard.press("Enter");
const hung = await state();
assert.match(hung.outcome, /^Given up after timeout and unwind: orders-db\. The process exits with 81 /);
assert.match(hung.exit, /^exits with 81 at /);
const row = hung.rows.find((row) => row.name === "orders-db");
assert.match(row.takes, /, given up$/);
assert.ok(row.bars.some((bar) => bar.includes("given-up")), row.bars.join());
assert.equal(await page.locator("#what").inputValue(), "hang:orders-db");
// The others end at once: the end comes sooner.
await page.locator("#others").focus();
await page.keyboard.press("Space");
await page.waitForTimeout(300);
const sooner = (await state()).rows.find((row) => row.name === "orders-db");
assert.ok(sooner.right < row.right, `${sooner.right} is not left of ${row.right}`);
// And back.
await page.locator("#what").selectOption("");
const back = await state();
assert.deepEqual(back.rows.map((row) => [row.name, row.takes, row.bars.map((bar) => bar.trim())]),
  planned.rows.map((row) => [row.name, row.takes, row.bars.map((bar) => bar.trim())]));

// What a screen reader finds: a table, and a status that changes.
assert.ok(await page.getByRole("table").first().isVisible());
assert.equal(await page.getByRole("rowheader", { name: "orders-db" }).count() > 0, true);
assert.equal(await page.getByRole("status").count() > 0, true);
assert.ok(await page.getByRole("cell", { name: /^5s ?, from / }).count() > 0, "a time with its span");

// Which moments there are, and what the longest path is, is drawn and said.
const tree = await page.locator("section").first().ariaSnapshot();
assert.match(tree, /SIGTERM at 5s, exits by [\d.]+s, SIGKILL at 45s/);
assert.match(tree, /Longest path: .*, then orders-db/);
assert.ok(await page.getByRole("rowheader", { name: /^orders-db ?, on the longest path$/ }).count() > 0);

// Without a script, names are names.
const still = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
await still.goto(pathToFileURL(page_file).href);
assert.equal(await still.locator("button:enabled").count(), 0);
assert.equal(await still.locator("button.name").first().evaluate((it) => getComputedStyle(it).textDecorationLine), "none");
await still.close();

// On a phone nothing runs out of the side, and no text of the ruler lies on another.
for (const width of [390, 700, 1100]) {
  await page.setViewportSize({ width, height: 800 });
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(beyond <= 0, `${beyond} px too wide at ${width}`);
  await apart(`the page at ${width} px`, "section svg.moments");
}

// Drawings, with the fonts that there are: what was computed to fit does.
for (const drawing of drawings) {
  await page.goto(pathToFileURL(drawing).href);
  await apart(drawing, "svg");
}

async function apart(what, selector) {
  const faults = await page.evaluate((selector) => {
    const faults = [];
    for (const svg of document.querySelectorAll(selector)) {
      const paper = svg.getBoundingClientRect();
      const texts = [...svg.querySelectorAll("text")].filter((it) => it.textContent).map((it) => {
        const { left, right, top, bottom } = it.getBoundingClientRect();
        // The box of a line has room above and below its letters.
        const spare = (bottom - top) * 0.2;
        return { words: it.textContent, left, right, top: top + spare, bottom: bottom - spare };
      });
      for (const [at, a] of texts.entries()) {
        if (a.left < paper.left - 1 || a.right > paper.right + 1) faults.push(`${a.words} is cut off`);
        for (const b of texts.slice(at + 1)) {
          if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) faults.push(`${a.words} lies on ${b.words}`);
        }
      }
    }
    return faults;
  }, selector);
  assert.deepEqual(faults, [], what);
}

assert.deepEqual(wrong, []);
await browser.close();
console.log("as it should be");
