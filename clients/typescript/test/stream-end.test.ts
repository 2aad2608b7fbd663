// A stream ends exactly once: with the answer, or with an error.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiProblem, streamAnswer } from "../src/index.ts";
import { TEXT, bytesOf, completed, event, read, scripted, status, streamsOf, whole } from "./streams.ts";
import { brokenAfter, problem, until } from "./support.ts";

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
  const silent = () =>
    new Response(
      new ReadableStream({ start: (controller) => controller.enqueue(bytesOf(event("delta", { text: "Hi" }, "1-1"))) }),
    );
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
      assert.deepEqual(
        events.map((one) => one.type),
        ["status", "done"],
      );
      assert.equal(last.type === "done" && last.message.error_code, "timeout");
      assert.deepEqual(
        service.sent.slice(2),
        ["wait=0", "wait=25"].map((wait) => `GET /api/chatroom/message/m/status?${wait}`),
      );
    });
  }
});

test("a streaming host that keeps failing is replaced by polls, after the waits that it asks for", async (t) => {
  const date = (seconds: number) => new Date(Date.parse("2026-11-27T00:00:00Z") + seconds * 1000).toUTCString();
  const failing: Record<string, string>[] = [
    { "retry-after": "2" },
    { "retry-after": date(3), date: date(0) },
    { "retry-after": "1" },
    { "retry-after": "0" },
  ];
  const service = scripted(t, {
    streams: failing.map((headers) => () => problem(503, "unavailable", headers)),
    polls: [completed],
  });
  const events = await read(service);
  assert.deepEqual(service.waits, [2000, 3000, 1000, 0]);
  assert.equal(events.at(-1)?.text, TEXT);
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
