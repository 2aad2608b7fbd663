// Where calls go, and what is shown of a stream while it arrives.

import assert from "node:assert/strict";
import { test } from "node:test";

import { createFetch, urlOf } from "../src/requests.js";

const PAGE = "https://chat.example/docs";
// As in Safari.
delete ReadableStream.prototype[Symbol.asyncIterator];

test("calls that stream go to the host of the streams, all others to this one", () => {
  const url = (path, base) => urlOf(`https://chat.example${path}`, base, PAGE);
  assert.equal(url("/api/stream/m?x=1", "https://s.example/live/"), "https://s.example/live/api/stream/m?x=1");
  assert.equal(url("/api/chat", "https://s.example"), "https://s.example/api/chat");
  assert.equal(url("/api/chat/c/stream", "/"), "/api/chat/c/stream");
  for (const path of ["/api/chatroom", "/api/chatroom/1/message", "/health"]) {
    assert.equal(url(path, "https://s.example"), `https://chat.example${path}`);
  }
  assert.equal(url("/api/stream/m", null), "https://chat.example/api/stream/m");
});

test("the text of a stream is shown as it arrives, and the response has all of it", async () => {
  const bytes = new TextEncoder().encode("data: é\n\ndata: 2\n\n");
  const parts = [bytes.slice(0, 7), bytes.slice(7)];
  const body = new ReadableStream({ pull: (out) => (parts.length ? out.enqueue(parts.shift()) : out.close()) });
  const shown = [];
  const send = async () => new Response(body, { headers: { "content-type": "text/event-stream" } });
  const response = await createFetch(({ text, status }) => shown.push([status, text]), send)("/api/stream/m", {});
  assert.equal(await response.text(), "data: é\n\ndata: 2\n\n");
  assert.deepEqual(shown.at(-1), [200, "data: é\n\ndata: 2\n\n"]);
  assert.ok(shown.length > 1 && shown[0][1].length < 10, JSON.stringify(shown));
});

test("other responses are handed on as they are", async () => {
  const refused = Response.json({ code: "not_found" }, { status: 404 });
  assert.equal(await createFetch(() => assert.fail(), async () => refused)("/api/stream/m", {}), refused);
});
