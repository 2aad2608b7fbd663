// The shapes of the API under the names of this client, and optional fields that a newer service
// adds.

import type { BranchMessage, Chatroom, Entitlement, ProcessingStatus } from "chat-backend-client";

export type {
  ErrorCode, FinishReason, MessageStatus, Model, Outcome, Plan, ProblemCode, Reply, SearchResult, Session, Usage, User,
} from "chat-backend-client";

export type Rating = "up" | "down";
export type Subscription = Entitlement;
export type Room = Chatroom & { system_prompt?: string | null; model?: string | null };
export type NewRoom = Pick<Room, "id" | "name" | "created_at"> & Partial<Room>;
export type Message = BranchMessage;
export type MessageState = ProcessingStatus;

export const isUnfinished = (state: MessageState): boolean => state === "pending" || state === "processing";
