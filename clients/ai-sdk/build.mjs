// Bundles the page with a version of the AI SDK: 7, or 6 under its other names.

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const NAMES = { 6: { ai: "ai-6", "@ai-sdk/react": "@ai-sdk/react-6" }, 7: {} };

/** The script of the page. */
export async function buildPage(version) {
  const { outputFiles } = await build({
    absWorkingDir: dirname(fileURLToPath(import.meta.url)),
    entryPoints: ["src/main.jsx"],
    alias: NAMES[version],
    bundle: true,
    write: false,
    format: "esm",
    minify: true,
    target: "es2022",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "warning",
  });
  return outputFiles[0].text;
}
