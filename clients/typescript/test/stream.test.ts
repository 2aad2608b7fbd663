// Answers as they are written, over connections that break anywhere.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  TEXT,
  TEXTS,
  assertWhole,
  bytesOf,
  done,
  event,
  eventsAfter,
  lastIds,
  read,
  scripted,
  status,
  whole,
} from "./streams.ts";
import { BASE_URL, bearer, brokenAfter, issued, json, problem, serve, skipWaits } from "./support.ts";

test("an answer is read as it is written", async (t) => {
  const service = scripted(t, { streams: [() => whole(eventsAfter(null))] });
  const events = await read(service, { reader: "tab" });
  assertWhole(events);
  assert.deepEqual(
    events.map((one) => one.type),
    ["status", "delta", "delta", "delta", "done"],
  );
  assert.deepEqual(
    service.requests.map(({ url }) => url),
    ["http://service.test/api/config", "http://stream.test/api/stream/m?reader=tab"],
  );
  assert.equal(bearer(service.requests[1]!), "Bearer old");
});

test("the stream may be on the host of the other calls", async (t) => {
  const service = scripted(t, { base: "/", streams: [() => whole(eventsAfter(null))] });
  assertWhole(await read(service, { reader: "tab" }));
  assert.equal(service.requests[1]?.url, `${BASE_URL}/api/stream/m?reader=tab`);
});

test("all connections of a reader have its name, and another reader has another", async (t) => {
  const cut = () => brokenAfter(bytesOf(event("delta", { text: TEXTS[0] }, "1-1")));
  const rest = () => whole(eventsAfter("1-1"));
  const service = scripted(t, { streams: [cut, rest, cut, rest] });
  assertWhole(await read(service));
  assertWhole(await read(service));
  const readers = service.requests
    .filter(({ url }) => url.includes("/api/stream/"))
    .map(({ url }) => new URL(url).searchParams.get("reader"));
  assert.match(readers[0]!, /^[\w-]{1,64}$/);
  assert.deepEqual(readers, [readers[0], readers[0], readers[2], readers[2]]);
  assert.notEqual(readers[0], readers[2]);
});

test("a connection that breaks after any byte is resumed, and nothing is lost or repeated", async (t) => {
  const bytes = bytesOf(eventsAfter(null));
  const waits = skipWaits(t);
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const isEnded = cut % 2 === 0;
    let opened = 0;
    const service = serve((request, path) => {
      if (path === "/api/config") return json(200, { stream_base_url: BASE_URL });
      opened += 1;
      if (opened > 1) return whole(eventsAfter(request.headers.get("last-event-id")));
      return isEnded ? new Response(bytes.slice(0, cut)) : brokenAfter(bytes.slice(0, cut));
    });
    assertWhole(await read(service), `cut after ${cut} of ${bytes.length} bytes`);
    assert.equal(opened, 2);
  }
  assert.ok(waits.length >= bytes.length);
});

test("a connection that breaks again after every event is resumed each time", async (t) => {
  skipWaits(t);
  const service = serve((request, path) => {
    if (path === "/api/config") return json(200, { stream_base_url: BASE_URL });
    const [state, next, done] = eventsAfter(request.headers.get("last-event-id"))
      .replace(": alive\n\n", "")
      .split(/(?<=\n\n)/);
    return brokenAfter(bytesOf(state! + next! + (done ?? "").slice(0, 20)));
  });
  assertWhole(await read(service));
  assert.deepEqual(lastIds(service), [null, "1-1", "1-2", "1-3"]);
});

test("events are read the same wherever the network cuts them into pieces", async (t) => {
  const bytes = bytesOf(eventsAfter(null));
  skipWaits(t);
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const pieces = new Blob([bytes.slice(0, cut)]).stream();
    const rest = bytes.slice(cut);
    const body = pieces.pipeThrough(new TransformStream({ flush: (controller) => controller.enqueue(rest) }));
    const service = serve((_, path) =>
      path === "/api/config" ? json(200, { stream_base_url: BASE_URL }) : new Response(body),
    );
    assertWhole(await read(service), `cut at ${cut}`);
  }
});

test("the text of another attempt replaces the first one", async (t) => {
  const stream =
    event("delta", { text: "Bad" }, "1-1") +
    event("restart", {}, "2-0") +
    event("delta", { text: "Good" }, "2-1") +
    done;
  const events = await read(scripted(t, { streams: [() => whole(stream)] }));
  assert.deepEqual(
    events.map((one) => one.text),
    ["Bad", "", "Good", TEXT],
  );
});

test("a connection that falls silent is opened again", async (t) => {
  let isClosed = false;
  const silent = () =>
    new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(bytesOf(event("delta", { text: TEXTS[0] }, "1-1"))),
        cancel: () => void (isClosed = true),
      }),
    );
  const service = scripted(t, { streams: [silent, () => whole(eventsAfter("1-1"))] });
  assertWhole(await read(service, { maxSilenceMs: 20 }));
  assert.deepEqual(lastIds(service), [null, "1-1"]);
  assert.ok(isClosed);
});

test("a stream that ends before its answer waits as long as the service asks", async (t) => {
  const service = scripted(t, {
    streams: [
      () => whole(`${event("delta", { text: TEXTS[0] }, "1-1")}retry: 100\n\n`),
      () => whole(eventsAfter("1-1")),
    ],
  });
  assertWhole(await read(service));
  assert.ok(service.waits.includes(100), service.waits.join());
});

test("after an outage of the network the stream goes on where it was", async (t) => {
  const [first] = [event("delta", { text: TEXTS[0] }, "1-1")];
  const offline = () => brokenAfter(new Uint8Array());
  const streams = [() => brokenAfter(bytesOf(first)), offline, offline, offline, () => whole(eventsAfter("1-1"))];
  const service = scripted(t, { streams, polls: [offline, () => status("processing")] });
  const events = await read(service);
  assertWhole(events);
  assert.deepEqual(
    events.filter((one) => one.text === "" && one.type !== "status"),
    [],
    "text that was shown never disappears",
  );
  assert.deepEqual(lastIds(service), [null, "1-1", "1-1", "1-1", "1-1"]);
});

test("an event that is no JSON does not end the reading", async (t) => {
  const service = scripted(t, { streams: [() => whole("event: delta\ndata: {\n\n"), () => whole(eventsAfter(null))] });
  assertWhole(await read(service));
});

test("unknown events are ignored, and a title is an event", async (t) => {
  const events = await read(
    scripted(t, {
      streams: [() => whole(event("confetti", {}) + event("title", { name: "Greetings" }, "1-1") + done)],
    }),
  );
  assert.deepEqual(
    events.map((one) => (one.type === "title" ? one.name : one.type)),
    ["Greetings", "done"],
  );
});

test("a token that expires between two connections is refreshed, and the stream resumes", async (t) => {
  skipWaits(t);
  const service = serve((request, path) => {
    if (path === "/api/config") return json(200, { stream_base_url: BASE_URL });
    if (path === "/api/auth/refresh") return json(200, issued("new"));
    const lastId = request.headers.get("last-event-id");
    if (lastId === null) return brokenAfter(bytesOf(event("delta", { text: TEXTS[0] }, "1-1")));
    return bearer(request) === "Bearer new" ? whole(eventsAfter(lastId)) : problem(401, "not_authenticated");
  });
  assertWhole(await read(service));
  assert.equal(service.sent.filter((one) => one === "POST /api/auth/refresh").length, 1);
});
