// The list of chats, by last activity.

import { computed, signal } from "@preact/signals";

import * as api from "../api/api.ts";
import type { NewRoom, Room } from "../api/types.ts";
import { words } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";

const list = signal<Room[]>([]);
const cursor = signal<string | null>(null);
export const isLoaded = signal(false);
export const failure = signal<string | null>(null);
export const hasMore = computed(() => cursor.value !== null);

/** Chats that are being deleted. */
const hidden = signal<ReadonlySet<string>>(new Set());

const activity = (room: Room) => Date.parse(room.last_message_at ?? room.created_at);

export const rooms = computed(() => list.value.filter((room) => !hidden.value.has(room.id)).sort((a, b) => activity(b) - activity(a)));
export const findRoom = (id: string): Room | undefined => list.value.find((room) => room.id === id);
export const nameOf = (room: Pick<Room, "name">): string => room.name || text.rooms.untitled;

let loading: Promise<void> | null = null;

/** Loads the first page anew, or the next one. */
export function loadRooms(isNext = false): Promise<void> {
  loading ??= load(isNext).finally(() => (loading = null));
  return loading;
}

async function load(isNext: boolean): Promise<void> {
  try {
    const page = await api.listRooms(isNext ? cursor.value : null);
    const known = new Set(page.items.map((room) => room.id));
    const isFirst = !isLoaded.value;
    list.value = [...list.value.filter((room) => !known.has(room.id)), ...page.items];
    if (isNext || isFirst) cursor.value = page.next_cursor ?? null;
    isLoaded.value = true;
    failure.value = null;
  } catch (error) {
    failure.value = words(error);
  }
}

let visit = new AbortController();

export function clearRooms(): void {
  visit.abort();
  visit = new AbortController();
  list.value = [];
  hidden.value = new Set();
  cursor.value = failure.value = null;
  isLoaded.value = false;
}

export function putRoom(id: string, change: Partial<Room>): void {
  list.value = list.value.map((room) => (room.id === id ? { ...room, ...change } : room));
}

export function touchRoom(id: string): void {
  putRoom(id, { last_message_at: new Date().toISOString() });
}

/** Creates a chat without a name: the service gives it one after the first answer. */
export async function createRoom(model: string | null): Promise<NewRoom> {
  const room = await api.createRoom(model ? { model } : {});
  const listed = { user_id: "", updated_at: room.created_at, message_count: 0, last_message_at: null, description: null, ...room };
  list.value = [listed, ...list.value];
  return room;
}

/** The name that the service gives a chat until the first answer. */
const UNNAMED = "New chat";
export const isUnnamed = (room: Pick<Room, "name">): boolean => room.name === UNNAMED;
/** The waits before the names are read after that answer: at once the first words of the question, then the title. */
const TITLE_DELAYS_MS = [0, 1000, 2000, 4000, 8000];

/**
 * Shows the names that a chat without one gets after its first answer. `room` may have the first words already: the stream
 * of the answer tells them. A service that gives no title leaves them.
 */
export async function followTitle(room: Pick<Room, "id" | "name">, show: (name: string) => void): Promise<void> {
  const { signal } = visit;
  let { name } = room;
  for (const delay of TITLE_DELAYS_MS) {
    await new Promise((resolve) => setTimeout(resolve, delay));
    if (signal.aborted) return;
    await loadRooms();
    const next = findRoom(room.id)?.name;
    // The chat is deleted, or that is the name that the user has chosen. The first list may be an earlier one.
    if (signal.aborted || !next || (next === UNNAMED && delay > 0)) return;
    if (next === name || next === UNNAMED) continue;
    show(next);
    if (name !== UNNAMED) return;
    name = next;
  }
}

export async function renameRoom(id: string, name: string): Promise<void> {
  const room = await api.updateRoom(id, { name });
  putRoom(id, { name: room.name });
}

export const hideRoom = (id: string): void => void (hidden.value = new Set([...hidden.value, id]));
export const showRoom = (id: string): void => void (hidden.value = new Set([...hidden.value].filter((one) => one !== id)));

/** Removes a chat that the service has deleted. */
export function dropRoom(id: string): void {
  list.value = list.value.filter((room) => room.id !== id);
  showRoom(id);
}

interface Group {
  label: string;
  rooms: Room[];
}

const DAY_MS = 86_400_000;

/** The chats under headings by age. */
export function group(sorted: Room[], now: Date): Group[] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const labelOf = (room: Room) => {
    const time = activity(room);
    if (time >= midnight) return text.rooms.today;
    if (time >= midnight - DAY_MS) return text.rooms.yesterday;
    if (time >= midnight - 7 * DAY_MS) return text.rooms.week;
    return time >= midnight - 30 * DAY_MS ? text.rooms.month : text.rooms.older;
  };
  const groups: Group[] = [];
  for (const room of sorted) {
    const label = labelOf(room);
    if (groups.at(-1)?.label !== label) groups.push({ label, rooms: [] });
    groups.at(-1)!.rooms.push(room);
  }
  return groups;
}
