// Where the tokens of a session are kept. An application may have a store of its own, such as a
// file or a keychain.

export interface Tokens {
  token: string;
  refreshToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** The account. */
  userId?: string;
  /** Whether they outlive the browser's window. */
  isRemembered?: boolean;
}

export interface SessionStore {
  /** The tokens as they are now: another tab or process may have replaced them. */
  read(): Tokens | null | Promise<Tokens | null>;
  /**
   * Replaces the tokens, or deletes them. `replaced` are the tokens of the same session that are no
   * longer valid; null at the beginning of a session.
   */
  write(tokens: Tokens | null, replaced: Tokens | null): void | Promise<void>;
  /**
   * Runs `work` while no other tab or process that shares the tokens runs such work. Without it,
   * there must be no other.
   */
  lock?<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps the tokens until the process ends. */
export function memoryStore(initial: Tokens | null = null): SessionStore {
  let tokens = initial;
  return {
    read: () => tokens,
    write: (next) => {
      tokens = next;
    },
  };
}
