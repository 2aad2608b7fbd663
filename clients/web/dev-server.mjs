// Serves `dist/`, built anew after each change, and forwards API requests to a running stack (`cargo dev up`).

import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import { buildClient } from "./build.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const target = join(folder, "generated/dist");
const backend = new URL(process.env.BACKEND_URL ?? "http://127.0.0.1:9000");
const port = Number(process.env.PORT ?? 5173);
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
/** As functions/site sends it. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const FORWARDED = /^\/(api\/|health|openapi\.json)/;

function forward(incoming, outgoing) {
  const { hostname, port: backendPort } = backend;
  const headers = { ...incoming.headers, host: backend.host };
  const sent = request({ hostname, port: backendPort, method: incoming.method, path: incoming.url, headers }, (response) => {
    outgoing.writeHead(response.statusCode, response.headers);
    response.pipe(outgoing);
  });
  sent.on("error", () => outgoing.destroy());
  incoming.pipe(sent);
}

async function serve(incoming, outgoing) {
  const path = new URL(incoming.url, "http://localhost").pathname;
  const file = path === "/" ? "index.html" : normalize(path).replace(/^\/+/, "");
  try {
    const content = await readFile(join(target, file));
    outgoing.writeHead(200, { "content-type": TYPES[extname(file)], "content-security-policy": POLICY, "cache-control": "no-store" });
    outgoing.end(content);
  } catch {
    outgoing.writeHead(404).end();
  }
}

let building = buildClient(target);
watch(join(folder, "src"), { recursive: true }, () => {
  building = building.catch(() => undefined).then(() => buildClient(target)).catch((error) => console.error(error.message));
});
await building;
createServer(async (incoming, outgoing) => {
  if (FORWARDED.test(incoming.url)) return forward(incoming, outgoing);
  await building;
  return serve(incoming, outgoing);
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/ (API: ${backend.origin})`));
