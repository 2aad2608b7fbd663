// Builds `dist/`, which functions/site embeds. The same source gives the same bytes on every machine.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const folder = dirname(fileURLToPath(import.meta.url));
const ICON = join(folder, "../web/src/icon.svg");
const MAX_GZIP_BYTES = 500_000;

/** Writes the explorer to `target`, and returns the size of each file with gzip. */
export async function buildExplorer(target) {
  await rm(target, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: folder,
    entryPoints: { explorer: "src/main.js" },
    outdir: join(target, "assets"),
    entryNames: "[name]-[hash]",
    bundle: true,
    format: "esm",
    minify: true,
    metafile: true,
    target: ["es2022", "chrome120", "firefox121", "safari17"],
    define: { "process.env.NODE_ENV": '"production"' },
    legalComments: "none",
    logLevel: "error",
  });
  const built = Object.entries(metafile.outputs).map(([path, output]) => [relative(target, join(folder, path)), output]);
  const [script] = built.find(([, output]) => output.entryPoint);
  const [style] = built.find(([path]) => path.endsWith(".css"));

  const svg = await readFile(ICON);
  const icon = `assets/explorer-icon-${createHash("sha256").update(svg).digest("hex").slice(0, 8).toUpperCase()}.svg`;
  await writeFile(join(target, icon), svg);
  const page = await readFile(join(folder, "src/index.html"), "utf8");
  const names = { icon, script, style };
  await mkdir(target, { recursive: true });
  await writeFile(join(target, "explorer.html"), page.replace(/{{(\w+)}}/g, (_, name) => names[name]));
  return sizes(target);
}

async function sizes(target) {
  const files = await readdir(target, { recursive: true, withFileTypes: true });
  const found = {};
  for (const file of files.filter((one) => one.isFile()).sort((a, b) => a.name.localeCompare(b.name))) {
    found[file.name] = gzipSync(await readFile(join(file.parentPath, file.name)), { level: 9 }).length;
  }
  return found;
}

if (basename(process.argv[1]) === "build.mjs") {
  const found = await buildExplorer(process.argv[2] ?? join(folder, "dist"));
  const total = Object.values(found).reduce((sum, size) => sum + size, 0);
  for (const [name, size] of Object.entries(found)) console.log(`${String(size).padStart(7)} ${name}`);
  console.log(`${String(total).padStart(7)} bytes with gzip in all`);
  if (total > MAX_GZIP_BYTES) throw new Error(`more than ${MAX_GZIP_BYTES} bytes`);
}
