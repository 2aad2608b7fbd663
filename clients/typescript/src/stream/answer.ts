// An answer as it is written: over server-sent events that resume, or by long polls where that is
// not possible.

import type { ChatClient } from "../client.ts";
import { Unreachable, isPassing, problemOf } from "../errors.ts";
import type {
  Message,
  MessageStatus,
  MessageStatusResponse,
  ProcessingStatus,
  Reply,
  StatusData,
  TitleData,
} from "../generated/types.gen.ts";
import { retryAfterMs } from "../retry-after.ts";
import { backoff, orAbort, sleep } from "../waiting.ts";
import { readEvents } from "./events.ts";

/** What happens to an answer. `text` is always all text so far. */
export type AnswerEvent = { text: string } & (
  | { type: "status"; status: ProcessingStatus; waitingFor: MessageStatus["waiting_for"]; retryAt: string | null }
  | { type: "delta"; delta: string }
  /** All text so far is void: another attempt has begun. */
  | { type: "restart" }
  /** The chatroom has another name. */
  | { type: "title"; name: string }
  /** The connection is lost. It is opened again. */
  | { type: "interrupted" }
  /** The final state, also of a failed or cancelled message. Nothing follows it. */
  | ({ type: "done" } & Outcome)
);

export interface Outcome {
  message: Pick<Message, "id" | "processing_status" | "error_code">;
  reply: Reply | null;
}

export interface StreamOptions {
  signal?: AbortSignal;
  /**
   * A connection that is silent for longer is opened again. 45,000 by default: there is a sign of
   * life every 15 seconds.
   */
  maxSilenceMs?: number;
  /**
   * The name of this reader: 1 to 64 letters, digits, `-` and `_`, a random one by default. A connection
   * takes the place of the earlier one of the same reader, among the three that a user may have.
   */
  reader?: string;
}

const MAX_STREAM_FAILURES = 4;
const LONG_POLL_SECONDS = 25;
/** A poll that ends sooner was not a long poll: a user has three of them at once. */
const MIN_POLL_MS = 1500;
const MAX_BACKOFF_MS = 15_000;

/**
 * Follows the answer to a message until its end: `done` comes exactly once, and last. A lost
 * connection is resumed after its last event. Throws if the signal aborts or the service refuses.
 */
export async function* streamAnswer(
  client: ChatClient,
  messageId: string,
  options: StreamOptions = {},
): AsyncGenerator<AnswerEvent, void, void> {
  const position: Position = { text: "", lastEventId: null };
  const reader = options.reader ?? crypto.randomUUID();
  for (;;) {
    const streamed = yield* readStreams(client, messageId, position, options, reader);
    if (streamed === "done") return;
    const polled = yield* pollUntilDone(client, messageId, position.text, options, streamed === "failing");
    if (polled === "done") return;
  }
}

/** The final state of a message, by long polls. */
export async function waitForAnswer(
  client: ChatClient,
  messageId: string,
  options: StreamOptions = {},
): Promise<Outcome> {
  const polls = pollUntilDone(client, messageId, "", options, false);
  for (;;) {
    const { value } = await polls.next();
    if (typeof value === "object" && value.type === "done") return { message: value.message, reply: value.reply };
  }
}

interface Position {
  text: string;
  lastEventId: string | null;
}

/** `refused`: only polls tell the end. `failing`: polls may, until the connection is back. */
type Streamed = "done" | "refused" | "failing";

async function* readStreams(
  client: ChatClient,
  messageId: string,
  position: Position,
  { signal, maxSilenceMs = 45_000 }: StreamOptions,
  reader: string,
): AsyncGenerator<AnswerEvent, Streamed, void> {
  for (let failures = 0; failures < MAX_STREAM_FAILURES; failures += 1) {
    let retry: number | null = null;
    const connection = new AbortController();
    const abort = () => connection.abort(signal?.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const base = await orAbort(client.streamBaseUrl(), signal);
      if (base === null) return "refused";
      const response = await open(
        client,
        `${base}/api/stream/${encodeURIComponent(messageId)}?reader=${encodeURIComponent(reader)}`,
        position.lastEventId,
        connection.signal,
      );
      if (!response.ok) {
        if (!isPassing(await problemOf(response.clone()))) return "refused";
        retry = retryAfterMs(response.headers);
      } else if (response.status === 204 || !response.body) {
        return "refused";
      } else {
        const options = { signal: connection.signal, maxSilenceMs, onRetry: (ms: number) => (retry = ms) };
        for await (const { event, data, id } of readEvents(response.body, options)) {
          const found = interpret(event ?? "message", data, position.text);
          if (found === "poll") return "refused";
          if (id) {
            position.lastEventId = id;
            failures = 0;
          }
          if (!found) continue;
          position.text = found.text;
          yield found;
          if (found.type === "done") return "done";
        }
        // The stream has ended before the answer: the next one continues after the last event.
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (!isPassing(error)) throw error;
      yield { type: "interrupted", text: position.text };
    } finally {
      signal?.removeEventListener("abort", abort);
      connection.abort();
    }
    await sleep(retry ?? backoff(failures, MAX_BACKOFF_MS), signal);
  }
  return "failing";
}

function open(client: ChatClient, url: string, lastEventId: string | null, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (lastEventId) headers["last-event-id"] = lastEventId;
  return client.fetch(url, { headers, signal });
}

/** Null for an event that a newer service may send. */
function interpret(event: string, json: string, text: string): AnswerEvent | "poll" | null {
  const data = parse(json);
  switch (event) {
    case "status":
      return statusEvent(data as StatusData, text);
    case "delta": {
      const { text: delta } = data as { text: string };
      return { type: "delta", delta, text: text + delta };
    }
    case "restart":
      return { type: "restart", text: "" };
    case "title":
      return { type: "title", name: (data as TitleData).name, text };
    case "done":
      return doneEvent(data as Outcome);
    case "error":
    case "replaced":
      // `error` is a failed answer, or the end of the right to read: a poll tells them apart.
      return "poll";
    default:
      return null;
  }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json || "{}");
  } catch (cause) {
    throw new Unreachable("the data of an event is not JSON", { cause });
  }
}

type State = Pick<MessageStatus, "processing_status" | "waiting_for" | "retry_at">;

const statusEvent = ({ processing_status, waiting_for, retry_at }: State, text: string): AnswerEvent => ({
  type: "status",
  status: processing_status,
  waitingFor: waiting_for ?? null,
  retryAt: retry_at ?? null,
  text,
});

const doneEvent = ({ message, reply }: { message: Outcome["message"]; reply?: Reply | null }): AnswerEvent => ({
  type: "done",
  message,
  reply: reply ?? null,
  text: reply?.content ?? "",
});

const isFinal = (state: ProcessingStatus) => state !== "pending" && state !== "processing";

/** Returns `reconnected` when the connection is back after an interruption, if `returns`. */
async function* pollUntilDone(
  client: ChatClient,
  messageId: string,
  text: string,
  { signal }: StreamOptions,
  returns: boolean,
): AsyncGenerator<AnswerEvent, "done" | "reconnected", void> {
  // The first response comes at once, so that a page can show what the message waits for.
  for (let wait = 0, failures = 0; ;) {
    const start = Date.now();
    try {
      const status = await poll(client, messageId, wait, signal);
      if (isFinal(status.processing_status)) {
        yield doneEvent({ message: status, reply: status.reply ?? null });
        return "done";
      }
      yield statusEvent(status, text);
      if (returns && failures > 0) return "reconnected";
      failures = 0;
      if (wait > 0 && Date.now() - start < MIN_POLL_MS) await sleep(MIN_POLL_MS, signal);
      wait = LONG_POLL_SECONDS;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (!isPassing(error)) throw error;
      yield { type: "interrupted", text };
      await sleep(backoff(failures, MAX_BACKOFF_MS), signal);
      failures += 1;
    }
  }
}

/** A single attempt, so that the caller learns of an interruption at once. */
async function poll(
  client: ChatClient,
  messageId: string,
  wait: number,
  signal: AbortSignal | undefined,
): Promise<MessageStatus> {
  const path = client.buildUrl({ url: "/api/chatroom/message/{id}/status", path: { id: messageId }, query: { wait } });
  const response = await client.fetch(path, signal && { signal });
  if (!response.ok) throw await problemOf(response);
  const broken = (cause: unknown) => Promise.reject(new Unreachable("the connection is broken", { cause }));
  const { message } = (await response.json().catch(broken)) as MessageStatusResponse;
  return message;
}
