// A chat that is deleted disappears at once, and can be brought back for some seconds.

import "./browser.ts";

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { begin } from "../src/api/session.ts";
import { UNDO_MS, deleteWithUndo } from "../src/state/deletion.ts";
import { leave } from "../src/state/account.ts";
import { clearRooms, loadRooms, rooms } from "../src/state/rooms.ts";
import { notice } from "../src/state/ui.ts";

const ROOMS = ["a", "b"].map((id) => ({ id, name: id, created_at: "2026-11-27T00:00:00Z", last_message_at: null }));
let sent: string[] = [];
let status = 200;

const shown = () => rooms.value.map((room) => room.id).sort().join("");
const deletions = () => sent.filter((line) => line.startsWith("DELETE"));
/** Lets answered requests reach the page. */
const settled = async () => { for (let turn = 0; turn < 100; turn += 1) await Promise.resolve(); };

beforeEach(async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  sent = [];
  status = 200;
  begin({ token: "token", refresh_token: "refresh", expires_in: 3600 }, "user", false);
  globalThis.fetch = (async (request: Request) => {
    assert.equal(request.headers.get("authorization"), "Bearer token");
    sent.push(`${request.method} ${new URL(request.url).pathname}`);
    return request.method === "DELETE" ? Response.json({ code: "internal" }, { status }) : Response.json({ chatrooms: ROOMS, next_cursor: null });
  }) as typeof fetch;
  clearRooms();
  await loadRooms();
});

test("it is hidden at once, also from a list that is loaded meanwhile, and deleted when the time is over", async () => {
  deleteWithUndo(ROOMS[0]!);
  await loadRooms();
  assert.equal(shown(), "b");
  assert.deepEqual(deletions(), []);
  mock.timers.tick(UNDO_MS);
  await settled();
  assert.deepEqual(deletions(), ["DELETE /api/chatroom/a"]);
  assert.equal(shown(), "b");
});

test("undo brings it back, and nothing is deleted", async () => {
  deleteWithUndo(ROOMS[0]!);
  notice.value!.action!.run();
  mock.timers.tick(UNDO_MS);
  await settled();
  assert.equal(shown(), "ab");
  assert.deepEqual(deletions(), []);
});

test("a second deletion, leaving and hiding the page make the first one final", async () => {
  deleteWithUndo(ROOMS[0]!);
  deleteWithUndo(ROOMS[1]!);
  await settled();
  assert.deepEqual(deletions(), ["DELETE /api/chatroom/a"]);
  void leave();
  await settled();
  assert.deepEqual(sent.slice(-2), ["DELETE /api/chatroom/b", "POST /api/auth/logout"]);
});

test("a refused deletion shows the chat again", async () => {
  status = 500;
  deleteWithUndo(ROOMS[0]!);
  mock.timers.tick(UNDO_MS);
  await settled();
  assert.equal(shown(), "ab");
  assert.equal(notice.value?.isFailure, true);
});
