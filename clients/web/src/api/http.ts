// Requests to the API: tokens, repetition where it is safe, and failures as two kinds of errors.

import { end, isStale, refresh, session } from "./session.ts";
import type { ProblemCode, Usage } from "./types.ts";

export interface ProblemBody {
  code?: ProblemCode | "model_not_in_plan";
  detail?: string;
  errors?: string[];
  request_id?: string;
  resets_at?: string;
  usage?: Usage;
}

/** The service has refused the request. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly body: ProblemBody;
  /** Seconds. */
  readonly retryAfter: number | null;

  constructor(status: number, body: ProblemBody, retryAfter: number | null) {
    super(body.code ?? String(status));
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }
}

/** There was no response. */
export class Unreachable extends Error {}

export interface Options {
  body?: unknown;
  /** An idempotency key, with which the request may be sent again. */
  key?: string;
  signal?: AbortSignal;
  isPublic?: boolean;
  keepalive?: boolean;
}

const MAX_SENDS = 4;
/** A user waits this long for a repetition without being asked. Seconds. */
const MAX_SILENT_WAIT = 3;

export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

/** The response to a request, whatever its status. Refreshes the token if necessary. */
export async function fetchWithToken(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
  for (let attempt = 0; ; attempt += 1) {
    const tokens = session.value;
    if (!tokens) throw new ApiProblem(401, { code: "not_authenticated" }, null);
    if (attempt === 0 && isStale(tokens)) {
      if ((await reach(() => refresh(tokens.token))) === "ended") continue;
    }
    const token = session.value?.token ?? tokens.token;
    const response = await reach(() => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }), init.signal);
    if (response.status !== 401) return response;
    const body = await problemOf(response.clone());
    if (body.body.code !== "not_authenticated") return response;
    if (attempt > 0) {
      end();
      return response;
    }
    await reach(() => refresh(token));
  }
}

async function reach<T>(work: () => Promise<T>, signal?: AbortSignal | null): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(String(error));
  }
}

export async function problemOf(response: Response): Promise<ApiProblem> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  const wait = Number(response.headers.get("retry-after"));
  return new ApiProblem(response.status, body, wait > 0 ? wait : null);
}

export async function request<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const { response } = await requestWithHeaders<T>(method, path, options);
  return response;
}

export async function requestWithHeaders<T>(method: string, path: string, options: Options): Promise<{ response: T; headers: Headers }> {
  for (let sent = 1; ; sent += 1) {
    try {
      const response = await send(method, path, options);
      if (!response.ok) throw await problemOf(response);
      return { response: (await response.json()) as T, headers: response.headers };
    } catch (error) {
      const wait = silentWait(error, method, options, sent);
      if (wait === null) throw error;
      await sleep(wait, options.signal);
    }
  }
}

function send(method: string, path: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (options.body !== undefined) headers["content-type"] = "application/json";
  if (options.key) headers["idempotency-key"] = options.key;
  const init = {
    method,
    headers,
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
    signal: options.signal,
    keepalive: options.keepalive,
  };
  return options.isPublic ? reach(() => fetch(path, init), options.signal) : fetchWithToken(path, init);
}

/** Milliseconds after which the request may be sent again unasked; null if it may not. */
export function silentWait(error: unknown, method: string, options: Options, sent: number): number | null {
  const isRepeatable = method === "GET" || options.key !== undefined;
  if (!isRepeatable || sent >= MAX_SENDS || options.signal?.aborted) return null;
  if (error instanceof Unreachable) return navigator.onLine && sent < 2 ? 500 : null;
  if (!(error instanceof ApiProblem)) return null;
  const isPassing = error.status === 503 || error.body.code === "request_in_flight";
  const wait = error.retryAfter ?? 1;
  return isPassing && wait <= MAX_SILENT_WAIT ? wait * 1000 : null;
}
