// Answers as they are written: connections that break anywhere, and an end that comes exactly once.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { type AnswerEvent, ApiProblem, streamAnswer } from "../src/index.ts";
import { BASE_URL, type Handler, type Service, bearer, brokenAfter, issued, json, problem, serve, skipWaits, until } from "./support.ts";

const TEXTS = ["Grüße ", "an die ", "ganze 🌍!"];
const TEXT = TEXTS.join("");
const REPLY = { id: "r", content: TEXT, created_at: "2026-11-27T00:00:00Z", finish_reason: "stop" };
const DONE = { message: { id: "m", processing_status: "completed" }, reply: REPLY };

const event = (name: string, data: object, id = "") => `${id && `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const done = event("done", DONE, "1-9");
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The events after the one with this id, as the service sends them. */
function eventsAfter(lastEventId: string | null): string {
  const all = TEXTS.map((text, index) => ({ id: `1-${index + 1}`, event: event("delta", { text }, `1-${index + 1}`) }));
  const start = lastEventId === null ? 0 : all.findIndex(({ id }) => id === lastEventId) + 1;
  return [event("status", { processing_status: "processing" }), ...all.slice(start).map((one) => one.event), ": alive\n\n", done].join("");
}

const whole = (text: string) => new Response(bytesOf(text));
const status = (processing_status: string, more: object = {}) => json(200, { message: { id: "m", processing_status, ...more } });
const completed = () => status("completed", { reply: REPLY });

/** A service whose stream and status give the scripted responses. */
function scripted(t: TestContext, { streams, polls = [], base = "http://stream.test/" }: { streams: (() => Response)[]; polls?: (() => Response)[]; base?: string | null }): Service & { waits: number[] } {
  const waits = skipWaits(t);
  const next = (list: (() => Response)[]) => list.shift()?.() ?? assert.fail("nothing more is scripted");
  const handler: Handler = (_, path) => {
    if (path === "/api/config") return json(200, { success: true, stream_base_url: base });
    return next(path.startsWith("/api/stream/") ? streams : polls);
  };
  return { ...serve(handler), waits };
}

async function read({ client }: Service, options = {}): Promise<AnswerEvent[]> {
  const events: AnswerEvent[] = [];
  for await (const one of streamAnswer(client, "m", options)) events.push(one);
  return events;
}

/** Asserts that the answer is whole: no text is missing or repeated, and the end comes once and last. */
function assertWhole(events: AnswerEvent[], reason = ""): void {
  const deltas = events.map((one) => (one.type === "delta" ? one.delta : "")).join("");
  assert.equal(deltas, TEXT, reason);
  assert.equal(events.filter((one) => one.type === "done").length, 1, reason);
  assert.equal(events.at(-1)?.type, "done", reason);
  assert.equal(events.at(-1)?.text, TEXT, reason);
}

const streamsOf = ({ sent }: Service) => sent.filter((one) => one.startsWith("GET /api/stream/"));
const lastIds = ({ requests }: Service) =>
  requests.filter(({ url }) => url.includes("/api/stream/")).map(({ headers }) => headers.get("last-event-id"));

test("an answer is read as it is written", async (t) => {
  const service = scripted(t, { streams: [() => whole(eventsAfter(null))] });
  const events = await read(service);
  assertWhole(events);
  assert.deepEqual(events.map((one) => one.type), ["status", "delta", "delta", "delta", "done"]);
  assert.deepEqual(service.requests.map(({ url }) => url), ["http://service.test/api/config", "http://stream.test/api/stream/m"]);
  assert.equal(bearer(service.requests[1]!), "Bearer old");
});

test("the stream may be on the host of the other calls", async (t) => {
  const service = scripted(t, { base: "/", streams: [() => whole(eventsAfter(null))] });
  assertWhole(await read(service));
  assert.equal(service.requests[1]?.url, `${BASE_URL}/api/stream/m`);
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
    const [state, next, done] = eventsAfter(request.headers.get("last-event-id")).replace(": alive\n\n", "").split(/(?<=\n\n)/);
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
    const service = serve((_, path) => (path === "/api/config" ? json(200, { stream_base_url: BASE_URL }) : new Response(body)));
    assertWhole(await read(service), `cut at ${cut}`);
  }
});

test("the text of another attempt replaces the first one", async (t) => {
  const stream = event("delta", { text: "Bad" }, "1-1") + event("restart", {}, "2-0") + event("delta", { text: "Good" }, "2-1") + done;
  const events = await read(scripted(t, { streams: [() => whole(stream)] }));
  assert.deepEqual(events.map((one) => one.text), ["Bad", "", "Good", TEXT]);
});

test("a reader that goes away closes the connection and asks for nothing more", async (t) => {
  let isClosed = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytesOf(event("delta", { text: "Hi" }, "1-1"))),
    cancel: () => void (isClosed = true),
  });
  const service = scripted(t, { streams: [() => new Response(body)] });
  for await (const { text } of streamAnswer(service.client, "m")) {
    assert.equal(text, "Hi");
    break;
  }
  await until(() => isClosed);
  assert.equal(streamsOf(service).length, 1);
});

test("an aborted stream throws the reason, while it reads, waits or polls", async (t) => {
  const reason = new Error("the user has left");
  const silent = () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(bytesOf(event("delta", { text: "Hi" }, "1-1"))) }));
  const scripts: [string, () => Response, string][] = [
    ["reading", silent, "delta"],
    ["waiting", () => brokenAfter(bytesOf(event("delta", { text: "Hi" }, "1-1"))), "interrupted"],
    ["polling", () => new Response(null, { status: 204 }), "status"],
  ];
  for (const [name, stream, at] of scripts) {
    await t.test(name, async (t) => {
      const service = scripted(t, { streams: [stream], polls: [() => status("pending")] });
      const controller = new AbortController();
      const seen: string[] = [];
      const reading = (async () => {
        for await (const { type } of streamAnswer(service.client, "m", { signal: controller.signal })) {
          seen.push(type);
          if (type === at) controller.abort(reason);
        }
      })();
      await assert.rejects(reading, reason);
      assert.equal(seen.at(-1), at);
      assert.equal(streamsOf(service).length, 1);
    });
  }
});

test("a signal that is aborted already opens nothing", async (t) => {
  const service = scripted(t, { streams: [] });
  await assert.rejects(read(service, { signal: AbortSignal.abort(new Error("too late")) }), /too late/);
  assert.deepEqual(streamsOf(service), []);
});

test("a stream that is replaced, empty, refused or over is settled by polls, and not opened again", async (t) => {
  const failed = () => status("failed", { error_code: "timeout" });
  const streams: Record<string, () => Response> = {
    replaced: () => whole(event("replaced", {}, "1-1")),
    error: () => whole(event("error", { code: "unavailable", detail: "" })),
    204: () => new Response(null, { status: 204 }),
    404: () => problem(404, "route_not_found"),
  };
  for (const [name, stream] of Object.entries(streams)) {
    await t.test(name, async (t) => {
      const service = scripted(t, { streams: [stream], polls: [() => status("processing"), failed] });
      const events = await read(service);
      const last = events.at(-1)!;
      assert.deepEqual(events.map((one) => one.type), ["status", "done"]);
      assert.equal(last.type === "done" && last.message.error_code, "timeout");
      assert.deepEqual(service.sent.slice(2), ["wait=0", "wait=25"].map((wait) => `GET /api/chatroom/message/m/status?${wait}`));
    });
  }
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
  const service = scripted(t, { streams: [() => whole(`${event("delta", { text: TEXTS[0] }, "1-1")}retry: 100\n\n`), () => whole(eventsAfter("1-1"))] });
  assertWhole(await read(service));
  assert.ok(service.waits.includes(100), service.waits.join());
});

test("a streaming host that keeps failing is replaced by polls, after the waits that it asks for", async (t) => {
  const date = (seconds: number) => new Date(Date.parse("2026-11-27T00:00:00Z") + seconds * 1000).toUTCString();
  const failing: Record<string, string>[] = [{ "retry-after": "2" }, { "retry-after": date(3), date: date(0) }, { "retry-after": "1" }, { "retry-after": "0" }];
  const service = scripted(t, { streams: failing.map((headers) => () => problem(503, "unavailable", headers)), polls: [completed] });
  const events = await read(service);
  assert.deepEqual(service.waits, [2000, 3000, 1000, 0]);
  assert.equal(events.at(-1)?.text, TEXT);
});

test("after an outage of the network the stream goes on where it was", async (t) => {
  const [first] = [event("delta", { text: TEXTS[0] }, "1-1")];
  const offline = () => brokenAfter(new Uint8Array());
  const streams = [() => brokenAfter(bytesOf(first)), offline, offline, offline, () => whole(eventsAfter("1-1"))];
  const service = scripted(t, { streams, polls: [offline, () => status("processing")] });
  const events = await read(service);
  assertWhole(events);
  assert.deepEqual(events.filter((one) => one.text === "" && one.type !== "status"), [], "text that was shown never disappears");
  assert.deepEqual(lastIds(service), [null, "1-1", "1-1", "1-1", "1-1"]);
});

test("an event that is no JSON does not end the reading", async (t) => {
  const service = scripted(t, { streams: [() => whole("event: delta\ndata: {\n\n"), () => whole(eventsAfter(null))] });
  assertWhole(await read(service));
});

test("unknown events are ignored, and the chatroom's title is told", async (t) => {
  const events = await read(scripted(t, { streams: [() => whole(event("confetti", {}) + event("title", { name: "Greetings" }, "1-1") + done)] }));
  assert.deepEqual(events.map((one) => (one.type === "title" ? one.name : one.type)), ["Greetings", "done"]);
});

test("without streams the first poll comes at once and says what the message waits for; later ones are spaced", async (t) => {
  const pending = () => status("pending", { waiting_for: "rate_limit", retry_at: "2026-11-27T00:00:20Z" });
  const service = scripted(t, { base: null, streams: [], polls: [pending, pending, completed] });
  const [first] = await read(service);
  assert.ok(first?.type === "status" && first.waitingFor === "rate_limit" && first.retryAt === "2026-11-27T00:00:20Z");
  assert.deepEqual(service.waits, [1500]);
});

test("a message that does not exist throws the problem", async (t) => {
  const service = scripted(t, { streams: [() => problem(404, "not_found")], polls: [() => problem(404, "not_found")] });
  await assert.rejects(read(service), (error) => error instanceof ApiProblem && error.code === "not_found");
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
