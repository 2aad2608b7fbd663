// The chat that is shown: its messages, the answers that are being written, and a message on its way.

import { computed, signal } from "@preact/signals";
import { ApiProblem, Unreachable } from "chat-backend-client";

import * as api from "../api/api.ts";
import { session } from "../api/session.ts";
import { type Message, type Outcome, type Reply, type Room, isUnfinished } from "../api/types.ts";
import { words } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { type Progress, follow } from "../stream/follow.ts";
import { loadAccount, setUsage } from "./account.ts";
import { type Outgoing, readOutgoing, writeOutgoing } from "./drafts.ts";
import { createRoom, followTitle, isUnnamed, putRoom, touchRoom } from "./rooms.ts";
import { announcement, go, notify, route } from "./ui.ts";

const PAGE = 50;
const MAX_PAGE = 100;

export interface Shown {
  room: Room;
  messages: Message[];
  /** The cursor of older messages. */
  older: string | null;
}

export const shown = signal<Shown | null>(null);
/** The chat that is being opened, or whose messages are shown. */
export const openId = signal<string | null>(null);
export const failure = signal<string | null>(null);
export const live = signal<ReadonlyMap<string, Progress>>(new Map());
export const outgoing = signal<Outgoing | null>(null);
/** The question whose answer the user has stopped. */
export const stopping = signal<string | null>(null);
export const newRoomModel = signal<string | null>(null);

/** The question that is being answered. */
export const unfinished = computed(() =>
  shown.value?.messages.findLast((message) => message.message_type === "user" && isUnfinished(message.processing_status)),
);

let visit = new AbortController();
let loadedAt = 0;
const followed = new Set<string>();
/** The chats whose first answer is being written: they get a title after it. */
const unnamed = new Set<string>();
/** A chat that this page has created has no messages that it would have to load. */
let created: string | null = null;

/** Shows the chat `id`, or an empty one. */
export async function open(id: string | null): Promise<void> {
  if (id === openId.value && (shown.value || !id)) return;
  visit.abort();
  visit = new AbortController();
  followed.clear();
  unnamed.clear();
  live.value = new Map();
  openId.value = id;
  shown.value = failure.value = stopping.value = null;
  outgoing.value = readOutgoing(id);
  if (outgoing.value) outgoing.value = { ...outgoing.value, failure: outgoing.value.failure ?? text.message.notSent };
  if (id && id !== created) await reload();
}

export function close(): void {
  visit.abort();
  visit = new AbortController();
  followed.clear();
  unnamed.clear();
  openId.value = shown.value = outgoing.value = failure.value = null;
  live.value = new Map();
}

/** Loads the newest messages anew, as many as are shown. */
export async function reload(): Promise<void> {
  const id = openId.value;
  const { signal } = visit;
  if (!id) return;
  try {
    const limit = Math.min(MAX_PAGE, Math.max(PAGE, shown.value?.messages.length ?? 0));
    const found = await api.getRoom(id, limit, null, signal);
    if (signal.aborted) return;
    loadedAt = Date.now();
    shown.value = { room: found.chatroom, messages: found.messages, older: found.next_cursor ?? null };
    failure.value = null;
    putRoom(id, { name: found.chatroom.name });
    for (const message of found.messages) {
      if (message.message_type === "user" && isUnfinished(message.processing_status)) followMessage(message.id);
    }
  } catch (error) {
    if (signal.aborted || !session.value) return;
    const isGone = error instanceof ApiProblem && (error.status === 404 || error.status === 400);
    if (shown.value && !isGone) return notify(words(error), true);
    failure.value = isGone ? text.chat.notFound : words(error);
  }
}

/** Another window or device may have changed the chat. */
export function reloadIfOld(ageMs: number): void {
  if (shown.value && !outgoing.value && Date.now() - loadedAt > ageMs) void reload();
}

let loadingOlder: Promise<void> | null = null;

export function loadOlder(): Promise<void> {
  loadingOlder ??= older().finally(() => (loadingOlder = null));
  return loadingOlder;
}

async function older(): Promise<void> {
  const before = shown.value;
  const { signal } = visit;
  if (!before?.older) return;
  try {
    const page = await api.getRoom(before.room.id, MAX_PAGE, before.older, signal);
    const now = shown.value;
    if (signal.aborted || !now) return;
    const known = new Set(now.messages.map((message) => message.id));
    const messages = [...page.messages.filter((message) => !known.has(message.id)), ...now.messages];
    shown.value = { ...now, messages, older: page.next_cursor ?? null };
  } catch (error) {
    if (!signal.aborted) notify(words(error), true);
  }
}

/** Opens the chat at a message, on whichever branch it is. */
export async function openAt(room: string, message: string): Promise<boolean> {
  await api.showBranch(room, message);
  if (openId.value === room) await reload();
  else await open(room);
  go(room);
  while (!shown.value?.messages.some((one) => one.id === message) && shown.value?.older) await loadOlder();
  return shown.value?.messages.some((one) => one.id === message) ?? false;
}

function setProgress(id: string, progress: Progress | null): void {
  const next = new Map(live.value);
  if (progress) next.set(id, progress);
  else next.delete(id);
  live.value = next;
}

function change(id: string, changed: Partial<Message>): void {
  const now = shown.value;
  if (!now) return;
  shown.value = { ...now, messages: now.messages.map((message) => (message.id === id ? { ...message, ...changed } : message)) };
}

function followMessage(id: string): void {
  if (followed.has(id)) return;
  followed.add(id);
  const { signal } = visit;
  const room = openId.value;
  if (shown.value?.room.id === room && isUnnamed(shown.value!.room)) unnamed.add(room!);
  const listener = {
    progress: (progress: Progress) => !signal.aborted && setProgress(id, progress),
    title: (name: string) => room && renamed(room, name),
  };
  const done = (outcome: Outcome) => !signal.aborted && settle(id, outcome);
  const failed = (error: unknown) => {
    if (signal.aborted || !session.value) return;
    if (!(error instanceof ApiProblem && error.status === 404)) notify(words(error), true);
    void reload();
  };
  void follow(id, listener, signal)
    .then(done, failed)
    .finally(() => followed.delete(id));
}

function renamed(room: string, name: string): void {
  putRoom(room, { name });
  if (shown.value?.room.id === room) shown.value = { ...shown.value, room: { ...shown.value.room, name } };
}

/** Shows the end of an answer. */
function settle(id: string, { message, reply }: Outcome): void {
  const now = shown.value;
  if (!now) return;
  const question = now.messages.find((one) => one.id === id);
  change(id, { processing_status: message.processing_status, error_code: message.error_code });
  if (reply && question) insert(id, reply);
  setProgress(id, null);
  if (stopping.value === id) stopping.value = null;
  touchRoom(now.room.id);
  announcement.value = reply ? `${text.message.done} ${reply.content.slice(0, 500)}` : "";
  // Another answer has siblings.
  if (question?.answers) void reload();
  if (reply && unnamed.delete(now.room.id)) void followTitle(now.room, (name) => renamed(now.room.id, name));
  if (message.processing_status !== "completed") void loadAccount().catch(() => undefined);
}

function insert(question: string, reply: Reply): void {
  const now = shown.value!;
  if (now.messages.some((message) => message.id === reply.id)) return;
  const answer: Message = { ...reply, message_type: "ai", processing_status: "completed", reply_to: question, attempts: 0, feedback: null };
  const place = now.messages.findIndex((message) => message.id === question) + 1;
  shown.value = { ...now, messages: now.messages.toSpliced(place, 0, answer) };
}

/** Sends a message, in a new chat if none is shown. Returns the text if it must be corrected. */
export async function send(content: string): Promise<string | null> {
  const parentId = shown.value?.messages.at(-1)?.id ?? null;
  return deliver({ key: crypto.randomUUID(), content, parentId, failure: null });
}

export const sendAgain = (): void => void (outgoing.value && deliver({ ...outgoing.value, failure: null }));

export function discard(): string {
  const content = outgoing.value?.content ?? "";
  setOutgoing(null);
  return content;
}

function setOutgoing(message: Outgoing | null): void {
  outgoing.value = message;
  writeOutgoing(openId.value, message);
}

async function deliver(message: Outgoing): Promise<string | null> {
  setOutgoing(message);
  try {
    const room = openId.value ?? (await begin(message));
    const accepted = await api.sendMessage(room, message.content, message.parentId, message.key);
    setUsage(accepted.usage);
    touchRoom(room);
    if (openId.value !== room) {
      writeOutgoing(room, null);
      return null;
    }
    setOutgoing(null);
    const now = shown.value;
    if (now) shown.value = { ...now, messages: [...now.messages, accepted.message] };
    followMessage(accepted.message.id);
    return null;
  } catch (error) {
    if (!session.value) return null;
    if (error instanceof Unreachable || (error instanceof ApiProblem && error.status >= 500)) {
      setOutgoing({ ...message, failure: words(error) });
      return null;
    }
    setOutgoing(null);
    notify(words(error), true);
    if (error instanceof ApiProblem && error.body.code === "parent_not_found") await reload();
    if (error instanceof ApiProblem && error.body.usage) setUsage(error.body.usage);
    return message.content;
  }
}

/** Creates the chat for its first message. */
async function begin(message: Outgoing): Promise<string> {
  const room = await createRoom(newRoomModel.value);
  writeOutgoing(null, null);
  created = room.id;
  openId.value = room.id;
  setOutgoing(message);
  shown.value = { room: { user_id: "", updated_at: room.created_at, message_count: 0, ...room }, messages: [], older: null };
  go(room.id, route.value === null);
  return room.id;
}

/** Changes the chat on the server, then shows it anew. */
async function act(work: () => Promise<api.Accepted | unknown>): Promise<boolean> {
  try {
    const done = await work();
    if (done && typeof done === "object" && "usage" in done) setUsage((done as api.Accepted).usage);
    await reload();
    return true;
  } catch (error) {
    if (session.value) notify(words(error), true);
    if (error instanceof ApiProblem && [404, 409].includes(error.status)) await reload();
    return false;
  }
}

export const retry = (id: string): Promise<boolean> => act(() => api.retryMessage(id));
export const regenerate = (id: string, model?: string): Promise<boolean> => act(() => api.regenerate(id, model));
export const edit = (id: string, content: string): Promise<boolean> => act(() => api.editMessage(id, content));
export const remove = (id: string): Promise<boolean> => act(() => api.deleteMessage(id));
export const showSibling = (id: string): Promise<boolean> => act(() => api.showBranch(openId.value!, id));

export async function rate(message: Message, rating: "up" | "down"): Promise<void> {
  const next = message.feedback?.rating === rating ? null : rating;
  change(message.id, { feedback: next && { rating: next, updated_at: new Date().toISOString() } });
  await api.rateMessage(message.id, next).catch((error: unknown) => {
    change(message.id, { feedback: message.feedback ?? null });
    notify(words(error), true);
  });
}

export async function stop(): Promise<void> {
  const id = unfinished.value?.id;
  if (!id || stopping.value === id) return;
  stopping.value = id;
  try {
    await api.cancelMessage(id);
  } catch (error) {
    stopping.value = null;
    const isDone = error instanceof ApiProblem && error.body.code === "wrong_state";
    if (!isDone) notify(words(error), true);
  }
}

export async function updateShownRoom(change: { system_prompt?: string | null; model?: string | null }): Promise<void> {
  const now = shown.value;
  if (!now) return;
  const room = await api.updateRoom(now.room.id, change);
  if (shown.value?.room.id === room.id) shown.value = { ...shown.value, room: { ...shown.value.room, ...room } };
}
