// The tokens of this browser: where they are kept, how they are refreshed, and how tabs share them.

import { signal } from "@preact/signals";

export interface Tokens {
  token: string;
  refreshToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  userId: string;
  /** Whether they outlive the browser's window. */
  isRemembered: boolean;
}

interface Issued {
  token: string;
  refresh_token: string;
  expires_in: number;
}

const KEY = "session";
const LOCK = "session-refresh";
/** A token is refreshed this long before it expires. */
const MARGIN_MS = 60_000;

const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("session");

function read(): Tokens | null {
  const text = localStorage.getItem(KEY) ?? sessionStorage.getItem(KEY);
  try {
    return text ? (JSON.parse(text) as Tokens) : null;
  } catch {
    return null;
  }
}

function write(tokens: Tokens | null): void {
  localStorage.removeItem(KEY);
  sessionStorage.removeItem(KEY);
  if (tokens) storageOf(tokens).setItem(KEY, JSON.stringify(tokens));
  session.value = tokens;
}

const storageOf = (tokens: Tokens): Storage => (tokens.isRemembered ? localStorage : sessionStorage);

export const session = signal<Tokens | null>(read());

/** Where what belongs to the session is kept, such as drafts. It disappears with the session. */
export const sessionStore = (): Storage => (session.value ? storageOf(session.value) : sessionStorage);

export function begin(issued: Issued, userId: string, isRemembered: boolean): void {
  write({ ...toTokens(issued), userId, isRemembered });
}

const toTokens = (issued: Issued) => ({
  token: issued.token,
  refreshToken: issued.refresh_token,
  expiresAt: Date.now() + issued.expires_in * 1000,
});

/** Removes the tokens and everything else that this page has stored for the account. */
export function end(): void {
  const ended = session.value?.refreshToken;
  for (const store of [localStorage, sessionStorage]) {
    const keys = Array.from({ length: store.length }, (_, index) => store.key(index) ?? "");
    for (const key of keys) if (key.startsWith("draft:")) store.removeItem(key);
  }
  write(null);
  if (ended) channel?.postMessage({ replaced: ended, tokens: null });
}

// Another tab has refreshed or ended the session that this tab uses.
channel?.addEventListener("message", ({ data }: MessageEvent<{ replaced: string; tokens: Tokens | null }>) => {
  if (session.value?.refreshToken === data.replaced) write(data.tokens);
});

export const isStale = (tokens: Tokens): boolean => tokens.expiresAt - MARGIN_MS < Date.now();

export type Refreshed = "refreshed" | "ended";

let running: Promise<Refreshed> | null = null;

/** Replaces the token `stale`, unless this tab or another one has done so. Throws if the service cannot be reached. */
export function refresh(stale: string): Promise<Refreshed> {
  running ??= withLock(() => replace(stale)).finally(() => (running = null));
  return running;
}

// Two tabs must not send one refresh token far apart: the second request would end the session.
function withLock<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? (navigator.locks.request(LOCK, work) as Promise<T>) : work();
}

async function replace(stale: string): Promise<Refreshed> {
  const current = read();
  if (!current) return "ended";
  if (current.token !== stale) {
    session.value = current;
    return "refreshed";
  }
  const response = await send(current.refreshToken);
  if (response.ok) {
    const tokens = { ...current, ...toTokens((await response.json()) as Issued) };
    write(tokens);
    channel?.postMessage({ replaced: current.refreshToken, tokens });
    return "refreshed";
  }
  if (response.status !== 401) throw new TypeError(`refresh: ${response.status}`);
  end();
  return "ended";
}

/** A lost response is requested again with the same key, which gets the same new token. */
async function send(refreshToken: string): Promise<Response> {
  const key = crypto.randomUUID();
  const body = JSON.stringify({ refresh_token: refreshToken });
  const headers = { "content-type": "application/json", "idempotency-key": key };
  const post = () => fetch("/api/auth/refresh", { method: "POST", headers, body });
  return post().catch(post);
}
