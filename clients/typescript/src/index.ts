// A typed client of the chat backend.

export { type ChatClient, type ChatClientOptions, createClient } from "./client.ts";
export { ApiProblem, type ProblemBody, Unreachable } from "./errors.ts";
export * from "./generated/sdk.gen.ts";
export type * from "./generated/types.gen.ts";
export { quotaOf } from "./quota.ts";
export { type BrowserStore, browserStore } from "./session/browser-store.ts";
export type { ClientSession, Issued } from "./session/session.ts";
export { type SessionStore, type Tokens, memoryStore } from "./session/store.ts";
export { type AnswerEvent, type Outcome, type StreamOptions, streamAnswer, waitForAnswer } from "./stream/answer.ts";
