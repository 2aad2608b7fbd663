// Generates `src/generated/` from `docs/openapi.json`.

import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { createClient } from "@hey-api/openapi-ts";

const folder = dirname(fileURLToPath(import.meta.url));
const output = join(folder, "src/generated");
const KEY = "#/components/parameters/IdempotencyKey";

/** Not calls of a client: files of the web client, Stripe's webhook. Streams: `src/stream` and the AI SDK read them. */
const EXCLUDED = ["/", "/assets/{name}", "/api/webhook/stripe", "/api/stream/{id}", "/api/chat", "/api/chat/{id}/stream"];

const document = JSON.parse(await readFile(join(folder, "../../docs/openapi.json"), "utf8"));
for (const path of EXCLUDED) {
  if (!document.paths[path]) throw new Error(`docs/openapi.json has no ${path}`);
  delete document.paths[path];
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
