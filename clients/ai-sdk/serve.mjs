// Serves the page at /6/ and /7/, with these versions of the AI SDK, and prints its address.

import { createServer } from "node:http";

import { buildPage } from "./build.mjs";

const scripts = { 6: await buildPage(6), 7: await buildPage(7) };
const PAGE = '<!doctype html><meta charset="utf-8"><title>Chat</title><body><script type="module" src="page.js"></script>';

const server = createServer((request, response) => {
  const [, version, file] = /^\/([67])\/(page\.js)?$/.exec(request.url) ?? [];
  if (!version) return response.writeHead(404).end();
  const [type, body] = file ? ["text/javascript", scripts[version]] : ["text/html; charset=utf-8", PAGE];
  return response.writeHead(200, { "content-type": type, "cache-control": "no-store" }).end(body);
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
