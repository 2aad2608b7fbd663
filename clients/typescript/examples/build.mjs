// Bundles the pages: the examples, and the journey of the end-to-end tests.

import { dirname } from "node:path";
import { argv } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

import { build } from "esbuild";

const PAGES = { browser: "browser.ts", react: "react.tsx", journey: "../journey/page.ts", tabs: "../journey/tabs.ts" };

/** The scripts of the pages, by name. */
export async function buildPages() {
  const folder = dirname(fileURLToPath(import.meta.url));
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: PAGES,
    outdir: folder,
    bundle: true,
    write: false,
    format: "esm",
    minify: true,
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "warning",
  });
  return Object.fromEntries(Object.keys(PAGES).map((name) => [name, outputFiles.find(({ path }) => path.endsWith(`/${name}.js`)).text]));
}

if (import.meta.url === pathToFileURL(argv[1]).href) {
  for (const [name, script] of Object.entries(await buildPages())) console.log(`${name}: ${script.length} bytes`);
}
