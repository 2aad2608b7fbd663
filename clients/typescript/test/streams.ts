// Answers as the service streams them, and scripts of streams and polls.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";

import { type AnswerEvent, streamAnswer } from "../src/index.ts";
import { type Handler, type Service, json, serve, skipWaits } from "./support.ts";

export const TEXTS = ["Grüße ", "an die ", "ganze 🌍!"];
export const TEXT = TEXTS.join("");
export const REPLY = { id: "r", content: TEXT, created_at: "2026-11-27T00:00:00Z", finish_reason: "stop" };
export const DONE = { message: { id: "m", processing_status: "completed" }, reply: REPLY };

export const event = (name: string, data: object, id = "") =>
  `${id && `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
export const done = event("done", DONE, "1-9");
export const bytesOf = (text: string) => new TextEncoder().encode(text);

/** The events after the one with this id, as the service sends them. */
export function eventsAfter(lastEventId: string | null): string {
  const all = TEXTS.map((text, index) => ({ id: `1-${index + 1}`, event: event("delta", { text }, `1-${index + 1}`) }));
  const start = lastEventId === null ? 0 : all.findIndex(({ id }) => id === lastEventId) + 1;
  return [
    event("status", { processing_status: "processing" }),
    ...all.slice(start).map((one) => one.event),
    ": alive\n\n",
    done,
  ].join("");
}

export const whole = (text: string) => new Response(bytesOf(text));
export const status = (processing_status: string, more: object = {}) =>
  json(200, { message: { id: "m", processing_status, ...more } });
export const completed = () => status("completed", { reply: REPLY });

/** A service whose stream and status give the scripted responses. */
export function scripted(
  t: TestContext,
  {
    streams,
    polls = [],
    base = "http://stream.test/",
  }: { streams: (() => Response)[]; polls?: (() => Response)[]; base?: string | null },
): Service & { waits: number[] } {
  const waits = skipWaits(t);
  const next = (list: (() => Response)[]) => list.shift()?.() ?? assert.fail("nothing more is scripted");
  const handler: Handler = (_, path) => {
    if (path === "/api/config") return json(200, { success: true, stream_base_url: base });
    return next(path.startsWith("/api/stream/") ? streams : polls);
  };
  return { ...serve(handler), waits };
}

export async function read({ client }: Service, options = {}): Promise<AnswerEvent[]> {
  const events: AnswerEvent[] = [];
  for await (const one of streamAnswer(client, "m", options)) events.push(one);
  return events;
}

/**
 * Asserts that the answer is whole: no text is missing or repeated, and the end comes once and
 * last.
 */
export function assertWhole(events: AnswerEvent[], reason = ""): void {
  const deltas = events.map((one) => (one.type === "delta" ? one.delta : "")).join("");
  assert.equal(deltas, TEXT, reason);
  assert.equal(events.filter((one) => one.type === "done").length, 1, reason);
  assert.equal(events.at(-1)?.type, "done", reason);
  assert.equal(events.at(-1)?.text, TEXT, reason);
}

export const streamsOf = ({ sent }: Service) => sent.filter((one) => one.startsWith("GET /api/stream/"));
export const lastIds = ({ requests }: Service) =>
  requests.filter(({ url }) => url.includes("/api/stream/")).map(({ headers }) => headers.get("last-event-id"));
