// Serves the pages at /browser/, /react/, /journey/ and /tabs/, and prints its address. `?api=`
// names the service.

import { createServer } from "node:http";

import { buildPages } from "./build.mjs";

const scripts = await buildPages();
const PAGE = '<!doctype html><meta charset="utf-8"><title>Chat</title><body><script type="module" src="page.js"></script>';

const server = createServer((request, response) => {
  const [, name, file] = /^\/(\w+)\/(page\.js)?$/.exec(new URL(request.url, "http://localhost").pathname) ?? [];
  if (!scripts[name]) return response.writeHead(404).end();
  const [type, body] = file ? ["text/javascript", scripts[name]] : ["text/html; charset=utf-8", PAGE];
  return response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(body);
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
