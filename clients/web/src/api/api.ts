// The calls of the API that this client uses, one function each.

import { fetchWithToken, problemOf, request, requestWithHeaders } from "./http.ts";
import type {
  Message, MessageStatus, Model, NewRoom, Plan, Rating, Room, SearchResult, Session, Subscription, Usage, User,
} from "./types.ts";

interface NewSession {
  token: string;
  refresh_token: string;
  expires_in: number;
  user: User;
}

export interface SentCode {
  otp?: string | null;
  resend_in: number;
}

interface Page<T> {
  next_cursor?: string | null;
  items: T[];
}

const auth = "/api/auth";
const rooms = "/api/chatroom";
const newKey = () => crypto.randomUUID();
const query = (parameters: Record<string, string | number | null | undefined>) => {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
};

export const sendSignupCode = (mobile_number: string) =>
  request<SentCode>("POST", `${auth}/send-signup-otp`, { isPublic: true, body: { mobile_number } });
export const sendResetCode = (mobile_number: string) =>
  request<SentCode>("POST", `${auth}/forgot-password`, { isPublic: true, body: { mobile_number } });
export const signUp = (body: { mobile_number: string; otp: string; name: string; password: string }) =>
  request<NewSession>("POST", `${auth}/verify-signup-otp`, { isPublic: true, key: newKey(), body });
export const signIn = (body: { mobile_number: string; password: string }) =>
  request<NewSession>("POST", `${auth}/login`, { isPublic: true, body });
export const resetPassword = (body: { mobile_number: string; otp: string; new_password: string }) =>
  request("POST", `${auth}/reset-password`, { isPublic: true, key: newKey(), body });
export const changePassword = (body: { current_password: string; new_password: string }) =>
  request("POST", `${auth}/change-password`, { body });
export const signOut = (scope: "this" | "others" | "all") => request("POST", `${auth}/logout`, { body: { scope }, keepalive: true });
export const listSessions = async () => (await request<{ sessions: Session[] }>("GET", `${auth}/sessions`)).sessions;
export const endSession = (id: string) => request("DELETE", `${auth}/sessions/${id}`);

export type Account = User & { created_at: string };
export const getAccount = () => request<{ user: Account; usage: Usage }>("GET", "/api/user/me");
export const renameUser = (name: string) => request<{ user: User }>("PUT", "/api/user/me", { body: { name } });
export const deleteAccount = (password: string) => request("DELETE", "/api/user/me", { body: { password } });

/** A part of the export, as text: at most 3 MiB. */
export async function exportPart(cursor: string | null): Promise<string> {
  const response = await fetchWithToken(`/api/user/export${query({ cursor })}`, { headers: {} });
  if (!response.ok) throw await problemOf(response);
  return response.text();
}

export async function listRooms(cursor: string | null): Promise<Page<Room>> {
  const path = `${rooms}${query({ limit: 100, sort: "activity", cursor })}`;
  const page = await request<{ chatrooms: Room[]; next_cursor?: string | null }>("GET", path);
  return { items: page.chatrooms, next_cursor: page.next_cursor };
}
export const createRoom = async (body: { name?: string; model?: string; system_prompt?: string }) =>
  (await request<{ chatroom: NewRoom }>("POST", rooms, { key: newKey(), body })).chatroom;
export const updateRoom = async (id: string, body: { name?: string; system_prompt?: string | null; model?: string | null }) =>
  (await request<{ chatroom: Room }>("PATCH", `${rooms}/${id}`, { body })).chatroom;
export const deleteRoom = (id: string) => request("DELETE", `${rooms}/${id}`);
export const getRoom = (id: string, limit: number, before: string | null, signal?: AbortSignal) =>
  request<{ chatroom: Room; messages: Message[]; next_cursor?: string | null }>(
    "GET", `${rooms}/${id}${query({ limit, before })}`, { signal });
export const showBranch = (room: string, message_id: string) => request("PUT", `${rooms}/${room}/branch`, { body: { message_id } });
export const listModels = async () => (await request<{ models: Model[] }>("GET", `${rooms}/models`)).models;
export async function search(q: string, cursor: string | null, signal: AbortSignal): Promise<Page<SearchResult>> {
  const path = `${rooms}/search${query({ q, limit: 20, cursor })}`;
  const page = await request<{ results: SearchResult[]; next_cursor?: string | null }>("GET", path, { signal });
  return { items: page.results, next_cursor: page.next_cursor };
}

export interface Accepted {
  message: Message;
  usage: Usage | null;
}

async function accepted(path: string, key: string, body?: object): Promise<Accepted> {
  const { response, headers } = await requestWithHeaders<{ message: Message }>("POST", path, { key, body: body ?? {} });
  const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((name) => headers.get(`x-quota-${name}`));
  if (!limit || !remaining || !reset) return { message: response.message, usage: null };
  const usage = {
    daily_message_limit: Number(limit),
    remaining_messages: Number(remaining),
    daily_messages_used: Number(limit) - Number(remaining),
    resets_at: new Date(Number(reset) * 1000).toISOString(),
  };
  return { message: response.message, usage };
}

export const sendMessage = (room: string, content: string, parent_id: string | null, key: string) =>
  accepted(`${rooms}/${room}/message`, key, parent_id ? { content, parent_id } : { content });
const message = (id: string) => `${rooms}/message/${id}`;
export const retryMessage = (id: string) => accepted(`${message(id)}/retry`, newKey());
export const regenerate = (id: string, model?: string) => accepted(`${message(id)}/regenerate`, newKey(), model ? { model } : undefined);
export const editMessage = (id: string, content: string) => accepted(`${message(id)}/edit`, newKey(), { content });
export const cancelMessage = (id: string) => request<{ message: Message }>("POST", `${message(id)}/cancel`);
export const deleteMessage = (id: string) => request("DELETE", message(id));
export const rateMessage = (id: string, rating: Rating | null) => request("POST", `${message(id)}/feedback`, { body: { rating } });
export const getStatus = async (id: string, wait: number, signal: AbortSignal) =>
  (await request<{ message: MessageStatus }>("GET", `${message(id)}/status${query({ wait })}`, { signal })).message;

const billing = "/api/subscription";
export const listPlans = async () => (await request<{ plans: Plan[] }>("GET", `${billing}/plans`, { isPublic: true })).plans;
export const getSubscription = async () => (await request<{ subscription: Subscription }>("GET", `${billing}/status`)).subscription;
export const openCheckout = async (success_url: string, cancel_url: string) =>
  (await request<{ checkout_url: string }>("POST", `${billing}/pro`, { key: newKey(), body: { success_url, cancel_url } })).checkout_url;
export const openPortal = async (return_url: string) =>
  (await request<{ portal_url: string }>("POST", `${billing}/portal`, { body: { return_url } })).portal_url;
export const cancelPlan = () => request("POST", `${billing}/cancel`);
export const keepPlan = () => request("POST", `${billing}/reactivate`);
