// The session of this browser: its tokens as a signal, and what disappears with it.

import { signal } from "@preact/signals";
import type { Issued, Tokens } from "chat-backend-client";

import { client, store } from "./client.ts";

export const session = signal<Tokens | null>(store.read());

// This tab or another one has begun, refreshed or ended the session.
store.subscribe((tokens) => {
  if (!tokens) deleteDrafts();
  session.value = tokens;
});

/** Where what belongs to the session is kept, such as drafts. It disappears with the session. */
export const sessionStore = (): Storage => (session.value?.isRemembered ? localStorage : sessionStorage);

/** `session` has the tokens when this returns. */
export function begin(issued: Issued, userId: string, isRemembered: boolean): void {
  void client.session.start({ ...issued, user: { id: userId } }, { isRemembered });
}

/** Removes the tokens and everything else that this browser has stored for the account. */
export function end(): void {
  store.write(null, store.read());
}

function deleteDrafts(): void {
  for (const storage of [localStorage, sessionStorage]) {
    const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
    for (const key of keys) if (key.startsWith("draft:")) storage.removeItem(key);
  }
}
