// The server-sent events of a response, cut into chunks at any byte.

import { type EventSourceMessage, createParser } from "eventsource-parser";

import { Unreachable } from "../errors.ts";
import { orAbort } from "../waiting.ts";

interface Options {
  signal: AbortSignal;
  /**
   * A connection that is silent for longer is broken: the service gives a sign of life every 15
   * seconds.
   */
  maxSilenceMs: number;
  /** The wait before the next connection, as the service asks for it. */
  onRetry(ms: number): void;
}

/**
 * Each event is handed over before more bytes are read: a connection that breaks drops what waits
 * to be read, and the next one continues after the last event that was handed over.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  { signal, maxSilenceMs, onRetry }: Options,
): AsyncGenerator<EventSourceMessage> {
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event), onRetry });
  const decoder = new TextDecoder();
  // Not `for await`: Safari cannot iterate over streams.
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await orAbort(orSilence(reader.read(), maxSilenceMs), signal);
      // What follows the last empty line is an incomplete event.
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function orSilence<T>(read: Promise<T>, ms: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unreachable(`nothing arrived for ${ms} ms`)), ms);
  });
  const broken = (cause: unknown) => Promise.reject(new Unreachable("the connection is broken", { cause }));
  return Promise.race([read.catch(broken), silence]).finally(() => clearTimeout(timer));
}
