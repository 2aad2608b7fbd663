// The state machine that follows a message until it is answered.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { MessageStatus } from "../src/api/types.ts";
import { type Progress, type Source, follow } from "../src/stream/follow.ts";

const REPLY = { id: "r", content: "Hello world", created_at: "2026-11-27T00:00:00Z", finish_reason: "stop" as const };
const completed = { id: "m", processing_status: "completed", reply: REPLY } as unknown as MessageStatus;
const pending = { id: "m", processing_status: "pending", waiting_for: "rate_limit", retry_at: "2026-11-27T00:00:20Z" } as unknown as MessageStatus;

const event = (name: string, data: object, id?: string) => `${id ? `id: ${id}\n` : ""}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const stream = (...chunks: string[]) => new Response(new Blob(chunks).stream(), { headers: { "content-type": "text/event-stream" } });
const done = event("done", { message: { id: "m", processing_status: "completed" }, reply: REPLY }, "9");

class Passing extends Error {}

interface Script {
  streams?: (Response | null | Error)[];
  polls?: (MessageStatus | Error)[];
}

/** Follows a message with scripted responses, and records what happens. */
async function run({ streams = [null], polls = [] }: Script) {
  const seen = { texts: [] as string[], progress: [] as Progress[], lastIds: [] as (string | null)[], waits: [] as number[], sleeps: [] as number[], titles: [] as string[] };
  const next = <T,>(list: (T | Error)[]): T => {
    const one = list.shift();
    if (one instanceof Error) throw one;
    if (one === undefined) throw new Error("nothing more is scripted");
    return one;
  };
  const source: Source = {
    open: async (lastId) => (seen.lastIds.push(lastId), next(streams)),
    poll: async (wait) => (seen.waits.push(wait), next(polls)),
    sleep: async (ms) => void seen.sleeps.push(ms),
    isPassing: (error) => error instanceof Passing,
  };
  const listener = {
    progress: (now: Progress) => void (seen.progress.push(now), seen.texts.push(now.text)),
    title: (name: string) => void seen.titles.push(name),
  };
  const outcome = await follow(source, listener, new AbortController().signal);
  return { outcome, ...seen };
}

test("text arrives as it is written, then the answer", async () => {
  const { outcome, texts, progress } = await run({
    streams: [stream(event("status", { processing_status: "processing" }), event("delta", { text: "Hello" }, "1-1"), event("delta", { text: " world" }, "1-2"), done)],
  });
  assert.equal(outcome.reply?.content, "Hello world");
  assert.deepEqual(texts, ["", "Hello", "Hello world"]);
  assert.equal(progress[0]?.state, "processing");
});

test("a stream that ends early continues after its last event", async () => {
  const { lastIds, texts, sleeps } = await run({
    streams: [stream("retry: 100\n\n", event("delta", { text: "Good " }, "1-1")), stream(event("delta", { text: "day" }, "1-2"), done)],
  });
  assert.deepEqual(lastIds, [null, "1-1"]);
  assert.deepEqual(texts, ["Good ", "Good day"]);
  assert.deepEqual(sleeps, [100]);
});

test("events that a broken connection drops are asked for again", async () => {
  const many = Array.from({ length: 50 }, (_, number) => event("delta", { text: "a" }, `1-${number + 1}`)).join("");
  const broken = new ReadableStream({
    async pull(controller) {
      controller.enqueue(new TextEncoder().encode(many));
      for (let turn = 0; turn < 20; turn += 1) await null;
      controller.error(new Passing());
    },
  });
  const { lastIds, progress } = await run({ streams: [new Response(broken), stream(done)] });
  const read = progress.find((one) => one.isInterrupted)?.text ?? "";
  assert.ok(read.length > 0 && read.length < 50, `${read.length} of 50 were read before the connection broke`);
  assert.equal(lastIds[1], `1-${read.length}`);
});

test("the text of another attempt replaces the first one", async () => {
  const { texts } = await run({ streams: [stream(event("delta", { text: "Bad" }, "1-1"), event("restart", {}, "2-0"), event("delta", { text: "Good" }, "2-1"), done)] });
  assert.deepEqual(texts, ["Bad", "", "Good"]);
});

test("a lost connection is opened again and shown as interrupted meanwhile", async () => {
  const { outcome, progress } = await run({ streams: [new Passing(), stream(event("delta", { text: "Hi" }, "1-1"), done)] });
  assert.deepEqual(progress.map((one) => one.isInterrupted), [true, false]);
  assert.equal(outcome.message.processing_status, "completed");
});

test("a failed, replaced or empty stream is settled by a poll", async () => {
  const failed = { id: "m", processing_status: "failed", error_code: "timeout" } as unknown as MessageStatus;
  for (const response of [stream(event("error", { code: "timeout", detail: "" })), stream(event("replaced", {})), new Response(null, { status: 204 }), new Response("", { status: 404 })]) {
    const { outcome, waits } = await run({ streams: [response], polls: [failed] });
    assert.equal(outcome.message.error_code, "timeout");
    assert.deepEqual(waits, [0]);
  }
});

test("a streaming host that keeps failing is replaced by polls", async () => {
  const { lastIds, outcome } = await run({ streams: Array.from({ length: 4 }, () => new Response("", { status: 503, headers: { "retry-after": "2" } })), polls: [completed] });
  assert.equal(lastIds.length, 4);
  assert.equal(outcome.reply?.content, "Hello world");
});

test("without streams the first poll comes at once, and says what the message waits for", async () => {
  const { waits, progress, outcome } = await run({ polls: [pending, pending, new Passing(), completed] });
  assert.deepEqual(waits, [0, 25, 25, 25]);
  assert.equal(progress[0]?.waitingFor, "rate_limit");
  assert.equal(progress[0]?.retryAt, "2026-11-27T00:00:20Z");
  assert.equal(outcome.message.processing_status, "completed");
});

test("polls that do not wait are spaced out", async () => {
  const { sleeps } = await run({ polls: [pending, pending, completed] });
  assert.deepEqual(sleeps, [1500]);
});

test("a title is handed over, and unknown events are ignored", async () => {
  const { titles, outcome } = await run({ streams: [stream(event("title", { name: "Greetings" }), event("confetti", {}), done)] });
  assert.deepEqual(titles, ["Greetings"]);
  assert.ok(outcome.reply);
});

test("a refusal that does not pass ends the following", async () => {
  await assert.rejects(run({ polls: [new Error("404")] }), /404/);
});
