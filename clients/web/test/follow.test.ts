// What the page shows of an answer while it is written. The reading itself is tested with the package.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "./browser.ts";
import { begin } from "../src/api/session.ts";
import { type Progress, follow } from "../src/stream/follow.ts";

const REPLY = { id: "r", content: "Hello world", created_at: "2026-11-27T00:00:00Z", finish_reason: "stop" };
const event = (name: string, data: object, id: string) => `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const done = event("done", { message: { id: "m", processing_status: "completed" }, reply: REPLY }, "2-9");

beforeEach(() => begin({ token: "token", refresh_token: "refresh", expires_in: 3600 }, "user", false));

/** Follows a message whose streams are scripted. */
async function run(...streams: string[]) {
  const seen = { progress: [] as Progress[], titles: [] as string[] };
  globalThis.fetch = (async (request: Request) => {
    const { origin, pathname } = new URL(request.url);
    return pathname === "/api/config" ? Response.json({ stream_base_url: origin }) : new Response(streams.shift());
  }) as typeof fetch;
  const listener = { progress: (now: Progress) => void seen.progress.push(now), title: (name: string) => void seen.titles.push(name) };
  const outcome = await follow("m", listener, new AbortController().signal);
  return { outcome, ...seen };
}

test("text arrives as it is written, then the answer", async () => {
  const { outcome, progress } = await run(
    event("status", { processing_status: "pending", waiting_for: "rate_limit", retry_at: "2026-11-27T00:00:20Z" }, "1-0") +
      event("delta", { text: "Hello" }, "1-1") +
      event("delta", { text: " world" }, "1-2") +
      done,
  );
  assert.deepEqual(progress.map(({ text, state }) => [text, state]), [["", "pending"], ["Hello", "processing"], ["Hello world", "processing"]]);
  assert.equal(progress[0]?.waitingFor, "rate_limit");
  assert.equal(progress[0]?.retryAt, "2026-11-27T00:00:20Z");
  assert.equal(outcome.reply?.content, "Hello world");
});

test("the text of another attempt replaces the first one, and a title is handed over", async () => {
  const { progress, titles } = await run(event("delta", { text: "Bad" }, "1-1") + event("restart", {}, "2-0") + event("title", { name: "Greetings" }, "2-1") + done);
  assert.deepEqual(progress.map(({ text }) => text), ["Bad", "", ""]);
  assert.deepEqual(titles, ["Greetings"]);
});

test("a connection that is lost is shown as interrupted, with its text, until there is more", async () => {
  const { progress } = await run(event("delta", { text: "Hel" }, "1-1") + "event: delta\ndata: {\n\n", event("delta", { text: "lo" }, "1-2") + done);
  assert.deepEqual(progress.map(({ text, isInterrupted }) => [text, isInterrupted]), [["Hel", false], ["Hel", true], ["Hello", false]]);
});
