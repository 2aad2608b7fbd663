// Unsent text, kept for a reload of the page with the session it belongs to.

import { session, sessionStore } from "../api/session.ts";

/** A message that the service may or may not have. Sent again with the same key, it is stored once. */
export interface Outgoing {
  key: string;
  content: string;
  parentId: string | null;
  /** Null while it is being sent. */
  failure: string | null;
}

const name = (kind: string, room: string | null) => `draft:${session.value?.userId ?? ""}:${kind}:${room ?? "new"}`;

function put(key: string, value: string | null): void {
  try {
    if (value) sessionStore().setItem(key, value);
    else sessionStore().removeItem(key);
  } catch {
    // The storage is full: the text is on the page, but would not survive a reload.
  }
}

export const readDraft = (room: string | null): string => sessionStore().getItem(name("text", room)) ?? "";
export const writeDraft = (room: string | null, text: string): void => put(name("text", room), text);

export function readOutgoing(room: string | null): Outgoing | null {
  const text = sessionStore().getItem(name("outgoing", room));
  return text ? (JSON.parse(text) as Outgoing) : null;
}

export const writeOutgoing = (room: string | null, outgoing: Outgoing | null): void =>
  put(name("outgoing", room), outgoing && JSON.stringify(outgoing));
