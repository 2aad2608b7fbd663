// The calls of the API that this client uses, one function each.

import * as sdk from "chat-backend-client";

import { client } from "./client.ts";
import type { Message, Model, NewRoom, Plan, Rating, Room, SearchResult, Session, Subscription, Usage, User } from "./types.ts";

export type { SentCode } from "chat-backend-client";

interface Page<T> {
  next_cursor?: string | null;
  items: T[];
}

const data = async <T>(call: Promise<{ data: T }>): Promise<T> => (await call).data;

export const sendSignupCode = (mobile_number: string) => data(sdk.sendSignupOtp({ client, body: { mobile_number } }));
export const sendResetCode = (mobile_number: string) => data(sdk.sendPasswordResetOtp({ client, body: { mobile_number } }));
export const signUp = (body: sdk.CreateAccountRequest) => data(sdk.verifySignupOtp({ client, body }));
export const signIn = (body: sdk.LoginRequest) => data(sdk.logInUser({ client, body }));
export const resetPassword = (body: sdk.ResetPasswordRequest) => data(sdk.resetPassword({ client, body }));
export const changePassword = (body: sdk.ChangePasswordRequest) => data(sdk.changePassword({ client, body }));
/** `token` is that of a session that this browser has forgotten already. */
export const signOut = (scope: sdk.LogoutScope, token?: string) =>
  data(sdk.logOutUser({ client, body: { scope }, keepalive: true, ...(token && { auth: token }) }));
export const listSessions = async (): Promise<Session[]> => (await data(sdk.listSessions({ client }))).sessions;
export const endSession = (id: string) => data(sdk.endSession({ client, path: { id } }));

export type Account = User & { created_at: string };
export const getAccount = (): Promise<{ user: Account; usage: Usage }> => data(sdk.getAccount({ client }));
export const renameUser = (name: string) => data(sdk.updateProfile({ client, body: { name } }));
export const deleteAccount = (password: string) => data(sdk.deleteAccount({ client, body: { password } }));

/** A part of the export, as text: at most 3 MiB. */
export const exportPart = (cursor: string | null): Promise<string> =>
  data(sdk.exportAccount({ client, query: { cursor: cursor ?? undefined }, parseAs: "text" }));

export async function listRooms(cursor: string | null): Promise<Page<Room>> {
  // The service caches the first page of its own length.
  const page = await data(sdk.listChatrooms({ client, query: { sort: "activity", ...(cursor && { limit: 100, cursor }) } }));
  return { items: page.chatrooms, next_cursor: page.next_cursor };
}
export const createRoom = async (body: sdk.CreateChatroomRequest): Promise<NewRoom> => (await data(sdk.createChatroom({ client, body }))).chatroom;
export const updateRoom = async (id: string, body: sdk.UpdateChatroomRequest): Promise<Room> =>
  (await data(sdk.updateChatroom({ client, path: { id }, body }))).chatroom;
/** `token` is that of a session which may end in the same turn. */
export const deleteRoom = (id: string, token?: string) =>
  data(sdk.deleteChatroom({ client, path: { id }, keepalive: true, ...(token && { auth: token }) }));
export const getRoom = (id: string, limit: number, before: string | null, signal?: AbortSignal) =>
  data(sdk.getChatroom({ client, path: { id }, query: { limit, ...(before && { before }) }, signal }));
export const showBranch = (room: string, message_id: string) => data(sdk.switchBranch({ client, path: { id: room }, body: { message_id } }));
export const listModels = async (): Promise<Model[]> => (await data(sdk.listModels({ client }))).models;
/** How many pages without a result a search passes over: 5,000 messages with the words, but not as they are in `q`. */
const EMPTY_PAGES = 10;
export async function search(q: string, cursor: string | null, signal: AbortSignal): Promise<Page<SearchResult>> {
  let next: string | null | undefined = cursor;
  for (let empty = 0; ; empty += 1) {
    const page: sdk.SearchResults = await data(sdk.searchMessages({ client, query: { q, limit: 20, cursor: next ?? undefined }, signal }));
    next = page.next_cursor;
    if (page.results.length > 0 || !next || empty === EMPTY_PAGES) return { items: page.results, next_cursor: next };
  }
}

export interface Accepted {
  message: Message;
  usage: Usage | null;
}

async function accepted(call: Promise<{ data: { message: Message }; response: Response }>): Promise<Accepted> {
  const { data, response } = await call;
  return { message: data.message, usage: sdk.quotaOf(response) };
}

export const sendMessage = (room: string, content: string, parent_id: string | null, key: string) =>
  accepted(sdk.sendMessage({ client, path: { id: room }, headers: { "Idempotency-Key": key }, body: parent_id ? { content, parent_id } : { content } }));
export const retryMessage = (id: string) => accepted(sdk.retryMessage({ client, path: { id } }));
export const regenerate = (id: string, model?: string) => accepted(sdk.regenerateAnswer({ client, path: { id }, body: model ? { model } : {} }));
export const editMessage = (id: string, content: string) => accepted(sdk.editMessage({ client, path: { id }, body: { content } }));
export const cancelMessage = (id: string) => data(sdk.cancelMessage({ client, path: { id } }));
export const deleteMessage = (id: string) => data(sdk.deleteMessage({ client, path: { id } }));
export const rateMessage = (id: string, rating: Rating | null) => data(sdk.giveFeedback({ client, path: { id }, body: { rating } }));

export const listPlans = async (): Promise<Plan[]> => (await data(sdk.listPlans({ client }))).plans;
export const getSubscription = async (): Promise<Subscription> => (await data(sdk.getSubscription({ client }))).subscription;
export const openCheckout = async (success_url: string, cancel_url: string) =>
  (await data(sdk.openCheckout({ client, body: { success_url, cancel_url } }))).checkout_url;
export const openPortal = async (return_url: string) => (await data(sdk.openPortal({ client, body: { return_url } }))).portal_url;
export const cancelPlan = () => data(sdk.cancelSubscription({ client }));
export const keepPlan = () => data(sdk.reactivateSubscription({ client }));
