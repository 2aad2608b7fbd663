// Follows a message until it is answered: over server-sent events if the service streams, otherwise by long polls.

import { EventSourceParserStream } from "eventsource-parser/stream";

import { type MessageState, type MessageStatus, type Outcome, isUnfinished } from "../api/types.ts";

export interface Progress {
  text: string;
  state: MessageState;
  waitingFor: MessageStatus["waiting_for"];
  retryAt: string | null;
  /** The connection is interrupted. */
  isInterrupted: boolean;
}

/** What the state machine needs of the world. */
export interface Source {
  /** Opens the stream after an event; null if the service does not stream. */
  open(lastEventId: string | null, signal: AbortSignal): Promise<Response | null>;
  /** The state after at most `wait` seconds. */
  poll(wait: number, signal: AbortSignal): Promise<MessageStatus>;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Whether the failure of a request passes, so that the request is worth repeating. */
  isPassing(error: unknown): boolean;
}

export interface Listener {
  progress(progress: Progress): void;
  title?(name: string): void;
}

const MAX_STREAM_FAILURES = 4;
const LONG_POLL_SECONDS = 25;
/** A poll that ends sooner was not a long poll: a user has three of them at once. */
const MIN_POLL_MS = 1500;
const MAX_BACKOFF_MS = 15_000;

const backoff = (failures: number) => Math.min(500 * 2 ** failures, MAX_BACKOFF_MS);

export const beginning: Progress = { text: "", state: "pending", waitingFor: null, retryAt: null, isInterrupted: false };

export async function follow(source: Source, listener: Listener, signal: AbortSignal): Promise<Outcome> {
  let progress = beginning;
  const update = (change: Partial<Progress>) => {
    progress = { ...progress, ...change };
    listener.progress(progress);
  };
  return (await readStreams(source, listener, signal, () => progress, update)) ?? (await pollUntilDone(source, signal, update));
}

type Update = (change: Partial<Progress>) => void;

/** Null if the outcome must be polled. */
async function readStreams(
  source: Source, listener: Listener, signal: AbortSignal, current: () => Progress, update: Update,
): Promise<Outcome | null> {
  let lastEventId: string | null = null;
  let retry: number | null = null;
  for (let failures = 0; failures < MAX_STREAM_FAILURES; failures += 1) {
    try {
      const response = await source.open(lastEventId, signal);
      if (!response || response.status === 204) return null;
      if (!response.ok || !response.body) {
        const isPassing = response.status === 429 || response.status >= 500;
        if (!isPassing) return null;
        retry = Number(response.headers.get("retry-after")) * 1000 || null;
      } else {
        const events = response.body
          .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
          .pipeThrough(new EventSourceParserStream({ onRetry: (ms) => (retry = ms) }));
        for await (const { event, data, id } of events) {
          failures = 0;
          const step = apply(event ?? "message", JSON.parse(data || "{}"), current(), listener);
          // Not when it arrives: a connection that breaks drops the events that wait to be read.
          lastEventId = id ?? lastEventId;
          if ("progress" in step) update({ ...step.progress, isInterrupted: false });
          else if ("outcome" in step) return step.outcome;
          else return null;
        }
        // The stream has ended before the answer: the next one continues after the last event.
      }
    } catch (error) {
      if (signal.aborted || !source.isPassing(error)) throw error;
      update({ isInterrupted: true });
    }
    await source.sleep(retry ?? backoff(failures), signal);
    retry = null;
  }
  return null;
}

type Step = { progress: Partial<Progress> } | { outcome: Outcome } | { poll: true };

function apply(event: string, data: Record<string, never>, current: Progress, listener: Listener): Step {
  const read = data as unknown as {
    text: string; processing_status: MessageState; waiting_for?: Progress["waitingFor"]; retry_at?: string;
    name: string; message: Outcome["message"]; reply: Outcome["reply"]; code: string;
  };
  switch (event) {
    case "status":
      return { progress: { state: read.processing_status, waitingFor: read.waiting_for ?? null, retryAt: read.retry_at ?? null } };
    case "delta":
      return { progress: { state: "processing", text: current.text + read.text } };
    case "restart":
      return { progress: { text: "" } };
    case "title":
      listener.title?.(read.name);
      return { progress: {} };
    case "done":
      return { outcome: { message: read.message, reply: read.reply ?? null } };
    case "error":
    case "replaced":
      // `error` is a failed answer, or the end of the right to read: a poll tells them apart.
      return { poll: true };
    default:
      return { progress: {} };
  }
}

async function pollUntilDone(source: Source, signal: AbortSignal, update: Update): Promise<Outcome> {
  // The first response comes at once, so that the page can show what the message waits for.
  for (let wait = 0, failures = 0; ; ) {
    const start = Date.now();
    try {
      const status = await source.poll(wait, signal);
      if (!isUnfinished(status.processing_status)) return { message: status, reply: status.reply ?? null };
      failures = 0;
      update({
        state: status.processing_status,
        waitingFor: status.waiting_for ?? null,
        retryAt: status.retry_at ?? null,
        isInterrupted: false,
      });
      if (wait > 0 && Date.now() - start < MIN_POLL_MS) await source.sleep(MIN_POLL_MS, signal);
      wait = LONG_POLL_SECONDS;
    } catch (error) {
      if (signal.aborted || !source.isPassing(error)) throw error;
      update({ isInterrupted: true });
      await source.sleep(backoff(failures), signal);
      failures += 1;
    }
  }
}

