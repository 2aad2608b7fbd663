// A service in the process of the test, and timers that do not wait.

import type { TestContext } from "node:test";

import { type ChatClient, type ChatClientOptions, type Tokens, createClient, memoryStore } from "../src/index.ts";

export const BASE_URL = "http://service.test";

export type Handler = (request: Request, path: string) => Response | Promise<Response>;

export interface Service {
  client: ChatClient;
  /** All requests, as `METHOD /path`. */
  sent: string[];
  requests: Request[];
}

export const tokens = (token = "old", more: Partial<Tokens> = {}): Tokens => ({
  token,
  refreshToken: `refresh-${token}`,
  expiresAt: Date.now() + 3_600_000,
  ...more,
});

/** A client with a session, whose requests `handler` answers. */
export function serve(handler: Handler, options: ChatClientOptions = {}): Service {
  const sent: string[] = [];
  const requests: Request[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    request.signal.throwIfAborted();
    const { pathname, search } = new URL(request.url);
    sent.push(`${request.method} ${pathname}${search}`);
    requests.push(request.clone());
    return handler(request, pathname);
  };
  const client = createClient({ baseUrl: BASE_URL, store: memoryStore(tokens()), fetch, ...options });
  return { client, sent, requests };
}

export const json = (status: number, body: object, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers });
export const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  json(status, { code, detail: `It is ${code}.`, status, success: false }, headers);
export const issued = (token: string, expires_in = 3600) => ({
  success: true,
  message: "",
  token,
  refresh_token: `refresh-${token}`,
  expires_in,
});
export const bearer = (request: Request): string | null => request.headers.get("authorization");

/** A response whose connection breaks after some bytes. */
export function brokenAfter(bytes: Uint8Array, headers: Record<string, string> = {}): Response {
  let isSent = false;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (isSent || bytes.length === 0) return controller.error(new TypeError("terminated"));
      isSent = true;
      controller.enqueue(bytes);
    },
  });
  return new Response(body, { status: 200, headers });
}

const LONGEST_SKIPPED_MS = 30_000;

/** Ends waits at once, and returns their lengths. Time limits, which are longer, stay. */
export function skipWaits(t: TestContext): number[] {
  const waits: number[] = [];
  const { setTimeout } = globalThis;
  globalThis.setTimeout = ((work: () => void, ms = 0) => {
    if (ms > LONGEST_SKIPPED_MS) return setTimeout(work, ms);
    waits.push(ms);
    return setTimeout(work, 0);
  }) as typeof globalThis.setTimeout;
  t.after(() => {
    globalThis.setTimeout = setTimeout;
  });
  return waits;
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
