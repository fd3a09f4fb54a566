// Looks at the built book in headless Chromium: node pages.mjs BOOK SOURCES SCREENSHOTS PLAYWRIGHT-CORE
// Every page in two widths and two themes, then the search and the keyboard. Prints what is wrong; exits 1 if anything is.
import { createServer } from "node:http";
import { mkdir, readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";

const [book, source, screenshots, playwright] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(playwright);

const WIDTHS = [390, 1280]; // a telephone, a laptop
const THEMES = ["light", "navy"];
const TYPES = { ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };

const problems = [];
const problem = (where, what) => problems.push(`${where}: ${what}`);

// The whole book as one page, what stands for a missing one, and the copy of the first page.
const REPEATED = ["print.html", "404.html", "index.html", "toc.html"];
const pages = (await readdir(book)).filter((name) => name.endsWith(".html") && !REPEATED.includes(name)).sort();

const server = createServer(async (request, response) => {
  const path = join(book, normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname)));
  try {
    const body = await readFile(path);
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const more = ["--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: [...quiet, ...more] });

// A window whose console, errors and requests are watched.
async function open(where, width, theme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
  await context.addInitScript((theme) => localStorage.setItem("mdbook-theme", theme), theme);
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && problem(where, `console: ${message.text()}`));
  page.on("pageerror", (error) => problem(where, `error: ${error.message}`));
  page.on("request", (request) => {
    const ours = request.url().startsWith(origin) || request.url().startsWith("data:");
    if (!ours) problem(where, `asks the network for ${request.url()}`);
  });
  page.on("requestfailed", (request) => {
    // Whoever turns the page does not wait for the rest of the old one.
    if (request.failure().errorText !== "net::ERR_ABORTED") problem(where, `failed: ${request.url()}`);
  });
  return { context, page };
}

async function look(name, width, theme) {
  const where = `${name}, ${width} wide, ${theme}`;
  const { context, page } = await open(where, width, theme);
  await page.goto(`${origin}/${name}`, { waitUntil: "networkidle" });
  if (!(await page.evaluate((theme) => document.documentElement.classList.contains(theme), theme))) {
    problem(where, "the theme is another");
  }
  // What is hidden must fit as well.
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  const wide = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    const main = document.querySelector("main");
    const over = [...main.querySelectorAll("*")].filter((element) => {
      const scrolls = element.closest("pre, .table-wrapper, .mermaid");
      return !scrolls && element.getBoundingClientRect().right > room + 1;
    });
    return { page: document.scrollingElement.scrollWidth - room, over: over.map((element) => element.outerHTML.slice(0, 80)) };
  });
  if (wide.page > 0) problem(where, `${wide.page} pixels wider than the window`);
  wide.over.forEach((html) => problem(where, `reaches out of the window: ${html}`));
  const drawings = await page.evaluate(() =>
    [...document.querySelectorAll(".mermaid")].map((drawing) => {
      const svg = drawing.querySelector("svg");
      const error = drawing.textContent.includes("Syntax error") || svg?.getAttribute("aria-roledescription") === "error";
      return { drawn: Boolean(svg) && svg.getBoundingClientRect().height > 40 && !error, named: Boolean(svg?.querySelector("title")) };
    }),
  );
  drawings.forEach(({ drawn, named }, index) => {
    if (!drawn) problem(where, `drawing ${index + 1} is not drawn`);
    if (!named) problem(where, `drawing ${index + 1} has no title (accTitle)`);
  });
  const bare = await page.evaluate(() => document.querySelectorAll("main img:not([alt])").length);
  if (bare > 0) problem(where, `${bare} pictures without alternative text`);
  const png = `${name.replace(/\.html$/, "")}-${width}-${theme}.png`;
  await page.screenshot({ path: join(screenshots, png), fullPage: true });
  await context.close();
  return drawings.length;
}

// Keys alone: find a word, open the first result, turn the page, open an answer.
async function keyboard() {
  const { context, page } = await open("keyboard", 1280, "light");
  await page.goto(`${origin}/${pages[0]}`, { waitUntil: "networkidle" });
  await page.keyboard.press("s");
  await page.keyboard.type("pivot_root");
  const result = page.locator("#mdbook-searchresults li a, #searchresults li a").first();
  await result.waitFor({ timeout: 10000 }).catch(() => problem("search", "pivot_root is not found"));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/highlight=/, { timeout: 10000 }).catch(() => problem("search", "Enter opens no result"));
  await page.goto(`${origin}/${pages.includes("start.html") ? "start.html" : pages[0]}`, { waitUntil: "networkidle" });
  const before = page.url();
  await page.keyboard.press("ArrowRight");
  await page.waitForURL((url) => url.href !== before, { timeout: 10000 }).catch(() => problem("keyboard", "no next page"));
  await page.waitForLoadState("networkidle");
  const summary = page.locator("main summary").first();
  if (await summary.count()) {
    await summary.focus();
    await page.keyboard.press("Enter");
    const opened = await summary.evaluate((element) => element.parentElement.open);
    if (!opened) problem("keyboard", "an answer does not open");
  } else {
    problem("keyboard", `${page.url()} has no hidden answer`);
  }
  await context.close();
}

await mkdir(screenshots, { recursive: true });
let drawings = 0;
for (const name of pages) {
  for (const width of WIDTHS) {
    for (const theme of THEMES) drawings += await look(name, width, theme);
  }
}
await keyboard();
await browser.close();
server.close();
// What the sources hold must be what was seen: a drawing that is not drawn at all is no element to look at.
const sources = (await readdir(source)).filter((name) => name.endsWith(".md") && name !== "SUMMARY.md");
const texts = await Promise.all(sources.map((name) => readFile(join(source, name), "utf8")));
const fences = texts.join("\n").match(/^```mermaid$/gm)?.length ?? 0;
if (pages.length !== sources.length) problem("book", `${sources.length} sources, but ${pages.length} pages`);
if (drawings !== fences * WIDTHS.length * THEMES.length) problem("book", `${fences} drawings, but ${drawings} views of them`);
const views = pages.length * WIDTHS.length * THEMES.length;
console.log(`${views} views of ${pages.length} pages, ${drawings} drawings, search and keyboard: ${problems.length} problems`);
problems.forEach((line) => console.log(line));
process.exit(problems.length === 0 ? 0 : 1);
