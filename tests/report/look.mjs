// Opens a report as a reader would, in the system's Chromium, and prints as JSON what came of it. Arguments: the folder with
// playwright-core and axe-core, the browser, the report, a folder for pictures ("-" for none). What must come of it is in mod.rs.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [modules, browser, report, pictures] = process.argv.slice(2);
const require = createRequire(modules + "/package.json");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-dev-shm-usage"];
const opened = await chromium.launch({ executablePath: browser, headless: true, args: flags });
const seen = { errors: [], requests: [], dialogs: 0, violations: {}, widths: {} };

const visit = async (width, colorScheme, javaScriptEnabled = true) => {
  const context = await opened.newContext({ viewport: { width, height: 900 }, colorScheme, javaScriptEnabled });
  const page = await context.newPage();
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) seen.errors.push(message.text()); });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith("file:") && !request.url().startsWith("data:")) seen.requests.push(request.url()); });
  const begin = Date.now();
  await page.goto(pathToFileURL(report).href);
  seen.opened_ms ??= Date.now() - begin;
  return { page, context };
};

for (const [width, scheme] of [[1440, "light"], [1440, "dark"], [390, "light"], [390, "dark"]]) {
  const { page, context } = await visit(width, scheme);
  seen.widths[`${width}`] = await page.evaluate(() => document.documentElement.scrollWidth);
  if (pictures !== "-") {
    await page.screenshot({ path: `${pictures}/${width}-${scheme}-top.png` });
    await page.screenshot({ path: `${pictures}/${width}-${scheme}.png`, fullPage: true });
  }
  await page.evaluate(() => document.querySelectorAll("main > details").forEach((d) => { d.open = true; }));
  await page.waitForFunction(() => JSON.parse(document.getElementById("data").textContent).grids.every((g) => document.querySelector(`#${g.id} table`)));
  await page.evaluate(() => document.querySelectorAll("button.open").forEach((b, n) => { if (n % 37 === 0) b.click(); }));
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  seen.violations[`${width}-${scheme}`] = found.violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
  await context.close();
}

// As a reader works with it.
const { page, context } = await visit(1440, "light");
seen.title = await page.title();
seen.language = await page.evaluate(() => document.documentElement.lang);
seen.heading = await page.textContent("h1");
seen.text = await page.evaluate(() => document.body.innerText.slice(0, 200000));
seen.injected = await page.evaluate(() => typeof window.injected);
seen.elements = await page.evaluate(() => [...new Set([...document.querySelectorAll("*")].map((e) => e.localName))]);
const grid = async (id) => {
  await page.evaluate((id) => { document.getElementById(id).closest("main > details").open = true; }, id);
  await page.waitForSelector(`#${id} table`);
  return page.locator(`#${id}`);
};
const column = (root, n) => root.locator("tbody tr:not(.detail)").evaluateAll((rows, n) => rows.map((r) => r.cells[n].textContent), n);
seen.grids = await page.evaluate(() => JSON.parse(document.getElementById("data").textContent).grids.map((g) => [g.id, g.title]));
seen.work = {};
for (const [id, title] of seen.grids) {
  const root = await grid(id);
  const work = { title, status: await root.locator("[role=status]").textContent() };
  const heads = await root.locator("thead th").allTextContents();
  work.heads = heads;
  const by = heads.findIndex((h) => ["Actual", "amount", "amountDue", "Read"].includes(h));
  if (by >= 0) {
    const button = root.locator("thead th").nth(by).locator("button");
    await button.focus();
    await page.keyboard.press("Enter");
    work.ascending = (await column(root, by + 1)).filter((t) => t !== "");
    work.sorted = await root.locator("thead th").nth(by).getAttribute("aria-sort");
    await button.click();
    work.descending = (await column(root, by + 1)).filter((t) => t !== "");
  }
  const first = root.locator("button.open").first();
  await first.focus();
  await page.keyboard.press("Enter");
  work.detail = await root.locator("tr.detail").first().textContent();
  work.expanded = await first.getAttribute("aria-expanded");
  await first.click();
  work.collapsed = await root.locator("tr.detail").count();
  const begin = Date.now();
  await root.locator("input[type=search]").fill("no such thing anywhere");
  work.nothing = await root.locator("[role=status]").textContent();
  await root.locator("input[type=search]").fill("");
  work.search_ms = Date.now() - begin;
  const select = root.locator("select").first();
  if (await select.count()) {
    const value = await select.locator("option").nth(1).getAttribute("value");
    await select.selectOption(value);
    work.filtered = [value, [...new Set(await root.locator("tbody tr:not(.detail)").evaluateAll((rows, v) => rows.map((r) => [...r.cells].some((c) => c.textContent === v)), value))]];
    await select.selectOption({ index: 0 });
  }
  if (await root.locator("button.page").count()) {
    const before = await column(root, 1);
    await root.locator("button.page").last().click();
    work.paged = JSON.stringify(before) !== JSON.stringify(await column(root, 1)) || (await root.locator("button.page").first().isEnabled());
  }
  seen.work[id] = work;
}
const card = page.locator("#differences .cards > details").first();
if (await card.count()) {
  await card.locator("summary").first().click();
  seen.card = await card.textContent();
}
const pdf = await page.pdf({ format: "A4", printBackground: true });
seen.pdf_pages = (pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) || []).length;
await context.close();

const plain = await visit(1440, "light", false);
seen.without_script = await plain.page.textContent("body");
await plain.context.close();
await opened.close();
process.stdout.write(JSON.stringify(seen));
