// Builds a page that functions/site embeds. The same source gives the same bytes on every machine.

import { createHash } from "node:crypto";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { gzipSync } from "node:zlib";

/**
 * Bundles a page into `target` with hashed names, and writes its HTML, `src/index.html` in `folder`
 * with the names filled in, as `html`. `build` is that of esbuild, `options` what it needs besides.
 * Returns the size of each file with gzip.
 */
export async function buildPage(target, { build, folder, options, icon, html }) {
  await rm(target, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: folder,
    outdir: join(target, "assets"),
    entryNames: "[name]-[hash]",
    bundle: true,
    format: "esm",
    minify: true,
    metafile: true,
    target: ["es2022", "chrome120", "firefox121", "safari17"],
    legalComments: "none",
    ...options,
  });
  const built = Object.entries(metafile.outputs).map(([path, output]) => [relative(target, join(folder, path)), output]);
  const [script] = built.find(([, output]) => output.entryPoint);
  const [style] = built.find(([path]) => path.endsWith(".css"));

  const svg = await readFile(join(folder, icon.source));
  const hash = createHash("sha256").update(svg).digest("hex").slice(0, 8).toUpperCase();
  const names = { icon: `assets/${icon.name}-${hash}.svg`, script, style };
  await writeFile(join(target, names.icon), svg);
  const page = await readFile(join(folder, "src/index.html"), "utf8");
  await writeFile(join(target, html), page.replace(/{{(\w+)}}/g, (_, name) => names[name]));
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

/** As a program: builds into the folder of the first argument, or `dist`, and prints the sizes. */
export async function runBuild(folder, buildInto, maxGzipBytes) {
  if (basename(process.argv[1]) !== "build.mjs") return;
  const found = await buildInto(process.argv[2] ?? join(folder, "dist"));
  const total = Object.values(found).reduce((sum, size) => sum + size, 0);
  for (const [name, size] of Object.entries(found)) console.log(`${String(size).padStart(7)} ${name}`);
  console.log(`${String(total).padStart(7)} bytes with gzip in all`);
  if (total > maxGzipBytes) throw new Error(`more than ${maxGzipBytes} bytes`);
}
