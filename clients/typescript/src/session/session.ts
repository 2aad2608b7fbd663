// The session of a client: its tokens, and their silent refresh.

import { ApiProblem, problemOf } from "../errors.ts";
import type { SessionStore, Tokens } from "./store.ts";

/** What the service answers to a sign-up, a sign-in or a refresh. */
export interface Issued {
  token: string;
  refresh_token: string;
  /** Seconds. */
  expires_in: number;
  user?: { id: string };
}

export interface ClientSession {
  tokens(): Promise<Tokens | null>;
  /** Begins a session with the response to a sign-up or a sign-in. */
  start(issued: Issued, options?: { isRemembered?: boolean }): Promise<void>;
  /** Forgets the tokens. They stay valid until `logOutUser` ends the session at the service. */
  end(): Promise<void>;
}

/** A token is refreshed this long before it expires. */
const MARGIN_MS = 60_000;

/** Sends a refresh token, with a key under which the response can be requested again. */
export type SendRefresh = (refreshToken: string, key: string) => Promise<Response>;

export class Session implements ClientSession {
  readonly #store: SessionStore;
  readonly #send: SendRefresh;
  #running: Promise<string | null> | null = null;

  constructor(store: SessionStore, send: SendRefresh) {
    this.#store = store;
    this.#send = send;
  }

  async tokens(): Promise<Tokens | null> {
    return this.#store.read();
  }

  async start(issued: Issued, { isRemembered = true } = {}): Promise<void> {
    const tokens = { ...tokensOf(issued), isRemembered };
    await this.#store.write(issued.user ? { ...tokens, userId: issued.user.id } : tokens, null);
  }

  async end(): Promise<void> {
    await this.#store.write(null, await this.#store.read());
  }

  /**
   * A token that is valid for a while, refreshed if necessary. Throws an `ApiProblem` if there is
   * no session.
   */
  async token(): Promise<string> {
    const tokens = await this.#store.read();
    const isStale = tokens && tokens.expiresAt - MARGIN_MS < Date.now();
    const token = isStale ? await this.refresh(tokens.token) : tokens?.token;
    if (!token) throw new ApiProblem(401, { code: "not_authenticated", detail: "There is no session." }, null);
    return token;
  }

  /**
   * Replaces the token `stale`, unless another request, tab or process has done so. Returns the new
   * token; null if the session has ended. Throws if the service cannot be reached.
   */
  refresh(stale: string): Promise<string | null> {
    this.#running ??= this.#locked(() => this.#replace(stale)).finally(() => (this.#running = null));
    return this.#running;
  }

  // Two tabs must not send one refresh token far apart: the second request would end the session.
  #locked<T>(work: () => Promise<T>): Promise<T> {
    return this.#store.lock ? this.#store.lock(work) : work();
  }

  async #replace(stale: string): Promise<string | null> {
    const current = await this.#store.read();
    if (!current) return null;
    if (current.token !== stale) return current.token;
    const response = await this.#send(current.refreshToken, crypto.randomUUID());
    if (response.ok) {
      const tokens = { ...current, ...tokensOf((await response.json()) as Issued) };
      const now = await this.#store.read();
      // Another tab has refreshed it too, and was given the same refresh token.
      if (now?.refreshToken === tokens.refreshToken) return now.token;
      // The user has signed out meanwhile, or signed in anew.
      if (now?.refreshToken !== current.refreshToken) return null;
      await this.#store.write(tokens, current);
      return tokens.token;
    }
    if (response.status !== 401) throw await problemOf(response);
    await this.endAfter(current.token);
    return null;
  }

  /** Forgets the tokens, unless the user has signed in anew since `token`. */
  async endAfter(token: string): Promise<void> {
    const now = await this.#store.read();
    if (now?.token === token) await this.#store.write(null, now);
  }
}

const tokensOf = (issued: Issued): Tokens => ({
  token: issued.token,
  refreshToken: issued.refresh_token,
  expiresAt: Date.now() + issued.expires_in * 1000,
});
