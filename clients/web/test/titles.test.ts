// A chat that is created without a name, and the names that the service gives it.

import "./browser.ts";

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { begin } from "../src/api/session.ts";
import { clearRooms, createRoom, findRoom, followTitle } from "../src/state/rooms.ts";

const ROOM = { id: "r", created_at: "2026-11-27T00:00:00Z", name: "New chat" };

beforeEach(() => begin({ token: "token", refresh_token: "refresh", expires_in: 3600 }, "user", false));

/** Answers requests: each list shows the next of `names`, the last one again and again. */
function serve(names: string[]): { bodies: unknown[]; lists: () => number } {
  const bodies: unknown[] = [];
  let lists = 0;
  globalThis.fetch = (async (request: Request) => {
    if (request.method === "POST") {
      bodies.push(await request.json());
      return Response.json({ success: true, chatroom: ROOM });
    }
    const name = names[Math.min(lists, names.length - 1)];
    lists += 1;
    const chatrooms = name === undefined ? [] : [{ ...ROOM, name, last_message_at: null }];
    return Response.json({ success: true, chatrooms, next_cursor: null });
  }) as typeof fetch;
  return { bodies, lists: () => lists };
}

/** Follows the title of a new chat while time passes at once, and returns the names that are shown. */
async function shown(names: string[]): Promise<{ shown: string[]; lists: number; bodies: unknown[] }> {
  clearRooms();
  const served = serve(names);
  const seen: string[] = [];
  const { setTimeout } = globalThis;
  // The time limits of requests are longer than the waits.
  globalThis.setTimeout = ((work: () => void, ms: number) => setTimeout(work, ms < 10_000 ? 0 : ms)) as typeof globalThis.setTimeout;
  try {
    const room = await createRoom(null);
    await followTitle(room, (name) => seen.push(name));
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return { shown: seen, lists: served.lists(), bodies: served.bodies };
}

test("a chat is created without a name, and shows the first words and then the title", async () => {
  const { shown: names, lists, bodies } = await shown(["How do I boil", "How do I boil", "Boiling Eggs"]);
  assert.deepEqual(bodies, [{}]);
  assert.deepEqual(names, ["How do I boil", "Boiling Eggs"]);
  assert.equal(lists, 3);
  assert.equal(findRoom("r")?.name, "Boiling Eggs");
});

test("without a title the first words stay, and the list is not read for ever", async () => {
  const { shown: names, lists } = await shown(["How do I boil"]);
  assert.deepEqual(names, ["How do I boil"]);
  assert.equal(lists, 5);
});

test("a chat that is called like one without a name is read twice", async () => {
  const { shown: names, lists } = await shown(["New chat"]);
  assert.deepEqual([names, lists], [[], 2]);
});

test("a chat whose first words are shown already gets its title", async () => {
  clearRooms();
  serve(["Boiling Eggs"]);
  const seen: string[] = [];
  await followTitle({ id: "r", name: "How do I boil" }, (name) => seen.push(name));
  assert.deepEqual(seen, ["Boiling Eggs"]);
});

test("signing out ends it", async () => {
  clearRooms();
  const served = serve(["How do I boil"]);
  const followed = followTitle(ROOM, () => assert.fail());
  clearRooms();
  await followed;
  assert.equal(served.lists(), 0);
});
