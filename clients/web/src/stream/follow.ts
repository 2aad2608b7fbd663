// Follows a message until it is answered, and tells what the page shows meanwhile.

import { type AnswerEvent, streamAnswer } from "chat-backend-client";

import { client } from "../api/client.ts";
import type { MessageState, MessageStatus, Outcome } from "../api/types.ts";

export interface Progress {
  text: string;
  state: MessageState;
  waitingFor: MessageStatus["waiting_for"];
  retryAt: string | null;
  /** The connection is interrupted. */
  isInterrupted: boolean;
}

export interface Listener {
  progress(progress: Progress): void;
  title?(name: string): void;
}

export const beginning: Progress = { text: "", state: "pending", waitingFor: null, retryAt: null, isInterrupted: false };

export async function follow(message: string, listener: Listener, signal: AbortSignal): Promise<Outcome> {
  let progress = beginning;
  for await (const event of streamAnswer(client, message, { signal })) {
    if (event.type === "done") return event;
    if (event.type === "title") listener.title?.(event.name);
    progress = { ...progress, ...changeOf(event), isInterrupted: event.type === "interrupted", text: event.text };
    listener.progress(progress);
  }
  throw new Error("an answer has ended without its end");
}

function changeOf(event: AnswerEvent): Partial<Progress> {
  if (event.type === "delta") return { state: "processing" };
  if (event.type === "status") return { state: event.status, waitingFor: event.waitingFor, retryAt: event.retryAt };
  return {};
}
