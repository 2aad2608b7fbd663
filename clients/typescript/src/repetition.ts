// Repeats a request where that is safe, after the time that the service asks for.

import { ApiProblem, Unreachable, problemOf } from "./errors.ts";
import { retryAfterMs } from "./retry-after.ts";
import { backoff, sleep } from "./waiting.ts";

export interface Repetition {
  /** How often a request is sent in all. */
  maxAttempts: number;
  /**
   * The longest wait before a repetition. If the service asks for a longer one, its refusal is the
   * result. Milliseconds.
   */
  maxWaitMs: number;
}

/** Sends a request until there is a result, always with the same `Idempotency-Key`. */
export async function repeat(
  request: Request,
  send: () => Promise<Response>,
  repetition: Repetition,
): Promise<Response> {
  for (let sent = 1; ; sent += 1) {
    const result = await send().catch((error: unknown) => {
      if (error instanceof Unreachable) return error;
      throw error;
    });
    const wait = isRepeatable(request) && sent < repetition.maxAttempts ? await waitOf(result, sent, repetition) : null;
    if (wait === null) {
      if (result instanceof Unreachable) throw result;
      return result;
    }
    await sleep(wait, request.signal);
  }
}

/** A repetition has no further effect. */
const isRepeatable = ({ method, headers }: Request): boolean =>
  method === "GET" || method === "HEAD" || method === "PUT" || headers.has("idempotency-key");

const GATEWAY_ERRORS = [502, 503, 504];

/** The milliseconds before the request is repeated; null if its result is final. */
async function waitOf(result: Response | Unreachable, sent: number, { maxWaitMs }: Repetition): Promise<number | null> {
  if (result instanceof Unreachable) {
    const isOffline = globalThis.navigator?.onLine === false;
    return isOffline ? null : backoff(sent - 1, maxWaitMs);
  }
  if (!(await isPassing(result))) return null;
  const wait = retryAfterMs(result.headers) ?? backoff(sent - 1, maxWaitMs);
  return wait <= maxWaitMs ? wait : null;
}

async function isPassing(response: Response): Promise<boolean> {
  if (response.status === 429 || GATEWAY_ERRORS.includes(response.status)) return true;
  return response.status === 409 && (await hasCode(response, "request_in_flight"));
}

/** Leaves the body to the caller. */
export async function hasCode(response: Response, code: ApiProblem["code"]): Promise<boolean> {
  return (await problemOf(response.clone())).code === code;
}
