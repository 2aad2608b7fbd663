// The shapes of the API, from `docs/openapi.json`, and optional fields that a newer service adds.

import type { components } from "../../generated/openapi.d.ts";

type Schemas = components["schemas"];

export type ProblemCode = Schemas["ProblemCode"];
export type ErrorCode = Schemas["ErrorCode"];
export type FinishReason = Schemas["FinishReason"];
export type User = Schemas["User"];
export type Usage = Schemas["Usage"];
export type Plan = Schemas["Plan"];
export type Session = Schemas["Session"];
export type Subscription = Schemas["Entitlement"];
export type SearchResult = Schemas["SearchResult"];
export type Rating = "up" | "down";

export type Room = Schemas["Chatroom"] & { system_prompt?: string | null; model?: string | null };
export type NewRoom = Pick<Room, "id" | "name" | "created_at"> & Partial<Room>;

export type Message = Schemas["BranchMessage"];
export type MessageStatus = Schemas["MessageStatus"];
export type Reply = NonNullable<MessageStatus["reply"]>;
export type MessageState = Message["processing_status"];

export interface Model {
  id: string;
  name: string;
  default: boolean;
}

/** What `done` of a stream and a long poll have in common: a message, and its answer if there is one. */
export interface Outcome {
  message: Pick<MessageStatus, "id" | "processing_status" | "error_code">;
  reply: Reply | null;
}

export const isUnfinished = (state: MessageState): boolean => state === "pending" || state === "processing";
