// Builds `dist/`.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { buildPage, runBuild } from "../page-build.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const MAX_GZIP_BYTES = 500_000;

/** Writes the explorer to `target`, and returns the size of each file with gzip. */
const buildExplorer = (target) =>
  buildPage(target, {
    build,
    folder,
    html: "explorer.html",
    icon: { source: "../web/src/icon.svg", name: "explorer-icon" },
    options: {
      entryPoints: { explorer: "src/main.js" },
      define: { "process.env.NODE_ENV": '"production"' },
      logLevel: "error",
    },
  });

await runBuild(folder, buildExplorer, MAX_GZIP_BYTES);
