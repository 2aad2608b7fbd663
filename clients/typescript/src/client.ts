// The client: the generated calls over a transport that refreshes the session and repeats requests.

import { ApiProblem, isPassing, retryAfterSeconds } from "./errors.ts";
import { createClient as createGeneratedClient } from "./generated/client/client.gen.ts";
import type { Client } from "./generated/client/types.gen.ts";
import { KEYED } from "./generated/keyed.gen.ts";
import { getClientConfig } from "./generated/sdk.gen.ts";
import { type Repeatable, attempt, repeatable } from "./network.ts";
import { hasCode, repeat } from "./repetition.ts";
import { type ClientSession, Session } from "./session/session.ts";
import { type SessionStore, memoryStore } from "./session/store.ts";
import { orAbort } from "./waiting.ts";

export interface ChatClientOptions {
  /** Such as `https://api.example.com`. In a browser it may be absent: the origin of the page. */
  baseUrl?: string;
  /** Where the tokens are kept; by default in memory. */
  store?: SessionStore;
  /** Instead of the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  /** How often a request is sent in all, if a repetition is safe. 4 by default. */
  maxAttempts?: number;
  /**
   * The longest wait before a repetition; if the service asks for a longer one, its refusal is
   * thrown. 10,000 by default.
   */
  maxWaitMs?: number;
  /**
   * The time in which a response must arrive. 60,000 by default: a long poll takes up to 25
   * seconds.
   */
  timeoutMs?: number;
}

/** Passed as `client` to each call. */
export interface ChatClient extends Client {
  readonly session: ClientSession;
  /**
   * Like the global `fetch`, with the token of the session and its silent refresh. It returns every
   * response as it is.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Where answers are streamed; null if the service does not stream. */
  readonly streamBaseUrl: () => Promise<string | null>;
}

export function createClient(options: ChatClientOptions = {}): ChatClient {
  const { store = memoryStore(), maxAttempts = 4, maxWaitMs = 10_000, timeoutMs = 60_000 } = options;
  const baseUrl = (options.baseUrl ?? "").replace(/\/$/, "");
  // Not bound here: a page may replace the global one later.
  const fetch = (request: Request) => (options.fetch ?? globalThis.fetch)(request);
  const sendOnce = (one: Repeatable, isWhole: boolean, headers?: Record<string, string>) =>
    attempt(fetch, one, { timeoutMs, isWhole, ...(headers && { headers }) });
  const repetition = { maxAttempts, maxWaitMs };

  const session = new Session(store, async (refreshToken, key) => {
    const headers = { "content-type": "application/json", "idempotency-key": key };
    const body = JSON.stringify({ refresh_token: refreshToken });
    const request = await repeatable(new Request(`${baseUrl}/api/auth/refresh`, { method: "POST", headers, body }));
    return repeat(request.request, () => sendOnce(request, true), repetition);
  });

  /** Sends a request with the token of `bearer`, or with a new one if that has expired. */
  async function sendAuthorized(one: Repeatable, bearer: { token: string }, isWhole: boolean): Promise<Response> {
    const send = () => sendOnce(one, isWhole, { authorization: `Bearer ${bearer.token}` });
    const response = await send();
    if (!(await isUnauthenticated(response))) return response;
    const next = await orAbort(session.refresh(bearer.token), one.request.signal);
    if (!next) return response;
    bearer.token = next;
    const second = await send();
    if (await isUnauthenticated(second)) await session.endAfter(next);
    return second;
  }

  async function sendCall(request: Request): Promise<Response> {
    const one = await repeatable(request);
    const token = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1];
    const bearer = token ? { token } : null;
    return repeat(request, () => (bearer ? sendAuthorized(one, bearer, true) : sendOnce(one, true)), repetition);
  }

  const generated = createGeneratedClient({
    baseUrl,
    throwOnError: true,
    fetch: sendCall as typeof globalThis.fetch,
    auth: () => session.token(),
  });
  generated.interceptors.request.use((request, { url }) => {
    const isKeyed = KEYED.has(`${request.method} ${url}`);
    if (isKeyed && !request.headers.has("idempotency-key")) request.headers.set("idempotency-key", crypto.randomUUID());
    return request;
  });
  generated.interceptors.error.use((error, response, _, { throwOnError = true }) => {
    if (!throwOnError || !response || response.ok) return error;
    const body = typeof error === "object" && error ? error : {};
    return new ApiProblem(response.status, body, retryAfterSeconds(response));
  });

  let streamBaseUrl: Promise<string | null> | null = null;

  const client: ChatClient = Object.assign(generated, {
    session,
    fetch: async (input: string | URL | Request, init?: RequestInit) => {
      const request = new Request(input, init);
      const [one, token] = await Promise.all([repeatable(request), orAbort(session.token(), request.signal)]);
      return sendAuthorized(one, { token }, false);
    },
    streamBaseUrl: () => {
      streamBaseUrl ??= findStreamBaseUrl(client, baseUrl).catch((error: unknown) => {
        streamBaseUrl = null;
        throw error;
      });
      return streamBaseUrl;
    },
  });
  return client;
}

const isUnauthenticated = async (response: Response): Promise<boolean> =>
  response.status === 401 && (await hasCode(response, "not_authenticated"));

async function findStreamBaseUrl(client: Client, baseUrl: string): Promise<string | null> {
  try {
    const { stream_base_url: found } = (await getClientConfig({ client })).data;
    if (typeof found !== "string") return null;
    // Another host, or `/`: that of all other calls.
    return (/^https?:/.test(found) ? found : baseUrl + found).replace(/\/$/, "");
  } catch (error) {
    // A service without this call does not stream.
    if (isPassing(error)) throw error;
    return null;
  }
}
