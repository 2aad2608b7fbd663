// One attempt to send a request: with a time limit, and with every failure as `Unreachable`.

import { Unreachable } from "./errors.ts";
import { orAbort } from "./waiting.ts";

export type Fetch = (request: Request) => Promise<Response>;

/** A request that can be sent several times. */
export interface Repeatable {
  request: Request;
  body: ArrayBuffer | undefined;
}

export async function repeatable(request: Request): Promise<Repeatable> {
  const { method, body } = request;
  // Firefox has no `body`.
  const isEmpty = method === "GET" || method === "HEAD" || body === null;
  return { request, body: isEmpty ? undefined : await request.arrayBuffer() };
}

interface Attempt {
  headers?: Record<string, string>;
  /**
   * The headers of the response must have come after this time, or all of it if it is read whole.
   */
  timeoutMs: number;
  /** Reads the whole response, so that a body which breaks off is a failure of the attempt. */
  isWhole: boolean;
}

export async function attempt(
  fetch: Fetch,
  { request, body }: Repeatable,
  { headers, timeoutMs, isWhole }: Attempt,
): Promise<Response> {
  const { signal } = request;
  const limit = new AbortController();
  const abort = () => limit.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => limit.abort(new Unreachable(`no response within ${timeoutMs} ms`)), timeoutMs);
  try {
    const sent = new Request(request, {
      headers: merged(request.headers, headers),
      signal: limit.signal,
      ...(body && { body }),
    });
    const response = await orAbort(fetch(sent), limit.signal);
    if (!isWhole) return response;
    const bytes = await orAbort(response.arrayBuffer(), limit.signal);
    signal.removeEventListener("abort", abort);
    return copy(response, bytes);
  } catch (error) {
    signal.removeEventListener("abort", abort);
    if (signal.aborted) throw signal.reason;
    throw error instanceof Unreachable ? error : new Unreachable("no response", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function merged(headers: Headers, more: Record<string, string> = {}): Headers {
  const all = new Headers(headers);
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  return all;
}

function copy({ status, statusText, headers }: Response, bytes: ArrayBuffer): Response {
  // These responses may not have a body, not even an empty one.
  const isNull = status === 204 || status === 205 || status === 304;
  return new Response(isNull ? null : bytes, { status, statusText, headers });
}
