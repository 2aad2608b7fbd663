// The deletion of a chat, which the user can undo for some seconds.

import { ApiProblem } from "chat-backend-client";

import * as api from "../api/api.ts";
import { session } from "../api/session.ts";
import type { Room } from "../api/types.ts";
import { words } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { beforeLeaving } from "./account.ts";
import { openId } from "./conversation.ts";
import { dropRoom, hideRoom, showRoom } from "./rooms.ts";
import { dismissNotice, go, notify } from "./ui.ts";

export const UNDO_MS = 8_000;

let pending: { room: string; wasOpen: boolean; timer: ReturnType<typeof setTimeout> } | null = null;

/** Hides the chat, and deletes it unless the user undoes that in time. */
export function deleteWithUndo(room: Pick<Room, "id">): void {
  settleDeletion();
  const wasOpen = openId.value === room.id;
  hideRoom(room.id);
  pending = { room: room.id, wasOpen, timer: setTimeout(settleDeletion, UNDO_MS) };
  if (wasOpen) go(null, true);
  notify(text.rooms.deleted, false, { label: text.undo, run: undo, duration: UNDO_MS });
}

function undo(): void {
  if (!pending) return;
  clearTimeout(pending.timer);
  showRoom(pending.room);
  if (pending.wasOpen) go(pending.room);
  pending = null;
  dismissNotice();
}

/** Deletes the chat now, also if the session ends or the page closes in this turn. */
export function settleDeletion(): void {
  if (!pending) return;
  const { room, timer } = pending;
  clearTimeout(timer);
  pending = null;
  api.deleteRoom(room, session.value?.token).then(
    () => dropRoom(room),
    (error: unknown) => {
      if (error instanceof ApiProblem && error.status === 404) return dropRoom(room);
      showRoom(room);
      if (session.value) notify(words(error), true);
    },
  );
}

beforeLeaving.add(settleDeletion);
// A page that is hidden may never run again.
addEventListener("pagehide", settleDeletion);
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && settleDeletion());
