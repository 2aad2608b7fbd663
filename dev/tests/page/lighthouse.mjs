// Prints Lighthouse's scores for the pages of a running stack: signed out, in a chat, and the explorer.
//
//     node lighthouse.mjs [URL] [NUMBER PASSWORD]
//
// Without a number, the sample account of `cargo dev up --demo` signs in.

import lighthouse, { desktopConfig } from "lighthouse";
import puppeteer from "puppeteer-core";

const [base = "http://127.0.0.1:9000", number = "+4915112345678", password = "quiet herons at dusk"] = process.argv.slice(2);
const CATEGORIES = ["performance", "accessibility", "best-practices"];
const METRICS = ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift"];

const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
const browser = await puppeteer.launch({ executablePath: process.env.CHROME_PATH ?? "/usr/bin/chromium", args });
const page = await browser.newPage();

async function signIn() {
  await page.goto(`${base}/`);
  await page.locator("#sign-in [name=mobile_number]").fill(number);
  await page.locator("#sign-in [name=password]").fill(password);
  await page.locator("#sign-in .primary").click();
  await page.waitForSelector("#rooms li a");
  return page.$eval("#rooms li a", (link) => link.href);
}

async function measure(name, url, device) {
  // The session is in the storage.
  const flags = { disableStorageReset: true, onlyCategories: CATEGORIES, logLevel: "error" };
  await page.goto("about:blank");
  const { lhr } = await lighthouse(url, flags, device === "desktop" ? desktopConfig : undefined, page);
  const scores = CATEGORIES.map((category) => Math.round(lhr.categories[category].score * 100));
  const times = METRICS.map((metric) => lhr.audits[metric].displayValue);
  console.log([name, device, ...scores, ...times].join(" | "));
  for (const category of CATEGORIES) {
    for (const { id, weight } of lhr.categories[category].auditRefs) {
      const { score, title } = lhr.audits[id];
      if (weight > 0 && score !== null && score < 0.9) console.log(`    ${category}: ${id} ${score}: ${title}`);
    }
  }
}

console.log(["page", "device", ...CATEGORIES, ...METRICS].join(" | "));
for (const device of ["phone", "desktop"]) await measure("signed out", `${base}/`, device);
const chat = await signIn();
for (const device of ["phone", "desktop"]) await measure("a chat", chat, device);
for (const device of ["phone", "desktop"]) await measure("explorer", `${base}/docs`, device);
await browser.close();
