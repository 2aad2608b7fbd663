// Keeps the tokens of a browser, and shares them with its other tabs.

import { sleep } from "../waiting.ts";
import type { SessionStore, Tokens } from "./store.ts";

export interface BrowserStore extends SessionStore {
  read(): Tokens | null;
  write(tokens: Tokens | null, replaced: Tokens | null): void;
  /**
   * Calls `listener` with the tokens after each change, also by another tab. Returns a function
   * that ends this.
   */
  subscribe(listener: (tokens: Tokens | null) => void): () => void;
}

interface Replacement {
  replaced: string;
  tokens: Tokens | null;
}

/**
 * Tokens with `isRemembered: false` are in the `sessionStorage` of their tab, others in
 * `localStorage`. A session that one tab refreshes or ends is refreshed or ended in the others.
 */
export function browserStore({ key = "session" } = {}): BrowserStore {
  const listeners = new Set<(tokens: Tokens | null) => void>();
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(key);
  let known = load(key);

  function tell(tokens: Tokens | null): void {
    known = tokens;
    for (const listener of listeners) listener(tokens);
  }

  function change(tokens: Tokens | null): void {
    save(key, tokens);
    tell(tokens);
  }

  channel?.addEventListener("message", ({ data }: MessageEvent<Replacement>) => {
    if (known?.refreshToken === data.replaced) change(data.tokens);
  });
  // In Node.js an open channel keeps the process running.
  (channel as { unref?: () => void } | null)?.unref?.();

  return {
    read() {
      const found = load(key);
      // Another tab has changed them, and its message is still on its way.
      if (found?.refreshToken !== known?.refreshToken) tell(found);
      return found;
    },
    write(tokens, replaced) {
      change(tokens);
      if (replaced) channel?.postMessage({ replaced: replaced.refreshToken, tokens } satisfies Replacement);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    lock: (work) => (globalThis.navigator?.locks ? locked(`${key}-refresh`, work) : work()),
  };
}

/** Tabs are processes: what one has stored is found by another a moment later. */
const STORAGE_DELAY_MS = 50;

async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const { locks } = navigator;
  const done = (await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock ? { result: await work() } : null,
  )) as { result: T } | null;
  if (done) return done.result;
  const later = async () => {
    await sleep(STORAGE_DELAY_MS);
    return work();
  };
  return locks.request(name, later) as Promise<T>;
}

function load(key: string): Tokens | null {
  const text = localStorage.getItem(key) ?? sessionStorage.getItem(key);
  try {
    return text ? (JSON.parse(text) as Tokens) : null;
  } catch {
    return null;
  }
}

function save(key: string, tokens: Tokens | null): void {
  const isShort = tokens?.isRemembered === false;
  // Replaced, not removed first: another tab that reads in between would find no session.
  if (tokens) (isShort ? sessionStorage : localStorage).setItem(key, JSON.stringify(tokens));
  if (!tokens || isShort) localStorage.removeItem(key);
  if (!tokens || !isShort) sessionStorage.removeItem(key);
}
