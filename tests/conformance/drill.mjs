// Opens drill reports in Chromium as a person would. Usage: node drill.mjs PAGE.html...
//
// LIFECYCLE_PLAYWRIGHT is the directory of playwright-core, LIFECYCLE_CHROMIUM the browser, LIFECYCLE_SHOTS
// a directory for pictures, where they are wanted.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(import.meta.url)(process.env.LIFECYCLE_PLAYWRIGHT);
const browser = await chromium.launch({
  executablePath: process.env.LIFECYCLE_CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let withSeries = 0;
for (const file of process.argv.slice(2)) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrong = [];
  page.on("console", (message) => wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`script: ${error.stack}`));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) wrong.push(`asked elsewhere: ${request.url()}`);
  });
  await page.goto(pathToFileURL(file).href);
  const papers = new Set();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    papers.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    for (const width of [390, 700, 1280]) {
      await page.setViewportSize({ width, height: 844 });
      const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(beyond <= 0, `${file}: ${beyond} px too wide at ${width}`);
      if (process.env.LIFECYCLE_SHOTS) {
        await page.screenshot({ path: `${process.env.LIFECYCLE_SHOTS}/${basename(file)}-${colorScheme}-${width}.png`, fullPage: true });
      }
    }
  }
  assert.equal(papers.size, 2, `${file} is not dark where that is preferred`);
  // What a screen reader finds: the verdict as the page's heading, pictures and tables with names.
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1);
  assert.ok(await page.getByRole("table").count() > 0);
  assert.ok(await page.getByRole("img").count() > 0);
  // By the keyboard alone: the words of a moment, and those of the next.
  if ((await page.locator("#series").count()) > 0) {
    withSeries += 1;
    const chart = page.locator("section > .chart[tabindex='0'], .view > .chart[tabindex='0']").first();
    await chart.focus();
    const readout = () => page.locator(".readout").first().textContent();
    assert.equal(await readout(), "");
    await page.keyboard.press("ArrowRight");
    const first = await readout();
    assert.match(first, /^[+−].*(served|no requests)/);
    for (let times = 0; times < 10; times += 1) await page.keyboard.press("ArrowRight");
    assert.notEqual(await readout(), first);
  }
  assert.deepEqual(wrong, [], file);
  await context.close();
}
assert.ok(withSeries > 0, "no page had a series of requests");
await browser.close();
console.log("as it should be");
