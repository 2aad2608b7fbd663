// Builds `dist/`.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { buildPage, runBuild } from "../page-build.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const MAX_GZIP_BYTES = 150_000;

/** Writes the client to `target`, and returns the size of each file with gzip. */
export const buildClient = (target) =>
  buildPage(target, {
    build,
    folder,
    html: "index.html",
    icon: { source: "src/icon.svg", name: "icon" },
    options: {
      entryPoints: { app: "src/main.tsx" },
      alias: { entities: "./src/markdown/entities.ts" },
      chunkNames: "[name]-[hash]",
      splitting: true,
      jsx: "automatic",
      jsxImportSource: "preact",
      logLevel: "warning",
    },
  });

await runBuild(folder, buildClient, MAX_GZIP_BYTES);
