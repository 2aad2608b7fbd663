// Generates `src/generated/` from `docs/openapi.json`.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { createClient } from "@hey-api/openapi-ts";

const folder = dirname(fileURLToPath(import.meta.url));
const output = join(folder, "src/generated");
const KEY = "#/components/parameters/IdempotencyKey";

/**
 * Whether a client calls the operation: not pages and their files, not Stripe's webhook, and not streams, which
 * `src/stream` and the AI SDK read.
 */
function isCall(path, { responses }) {
  const types = Object.values(responses).flatMap(({ content = {} }) => Object.keys(content));
  return path !== "/api/webhook/stripe" && !types.some((type) => type.startsWith("text/"));
}

const document = JSON.parse(await readFile(join(folder, "../../docs/openapi.json"), "utf8"));
for (const [path, operations] of Object.entries(document.paths)) {
  const calls = Object.entries(operations).filter(([, operation]) => isCall(path, operation));
  document.paths[path] = Object.fromEntries(calls);
}

await createClient({
  input: document,
  output: { path: output, module: { extension: ".ts" } },
  plugins: [
    { name: "@hey-api/client-fetch", throwOnError: true },
    "@hey-api/typescript",
    { name: "@hey-api/sdk", client: false },
  ],
  logs: { level: "silent", file: false },
});

const keyed = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.entries(operations)
    .filter(([, operation]) => operation.parameters?.some((parameter) => parameter.$ref === KEY))
    .map(([method]) => `${method.toUpperCase()} ${path}`),
);
if (keyed.length === 0) throw new Error(`no operation has the parameter ${KEY}`);
const list = keyed.map((operation) => `  ${JSON.stringify(operation)},\n`).join("");
await writeFile(
  join(output, "keyed.gen.ts"),
  `/** The operations that accept an \`Idempotency-Key\`. */\nexport const KEYED: ReadonlySet<string> = new Set([\n${list}]);\n`,
);
