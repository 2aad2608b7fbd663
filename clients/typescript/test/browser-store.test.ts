// Tokens of a browser, which its tabs share.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { browserStore, getAccount, getAccountStats } from "../src/index.ts";
import { refreshes, rotating } from "./rotation.ts";
import { type Handler, bearer, issued, json, problem, serve, tokens, until } from "./support.ts";

class TestStorage {
  readonly items = new Map<string, string>();
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => void this.items.set(key, value);
  removeItem = (key: string) => void this.items.delete(key);
}

let localStorage: TestStorage;
let sessionStorage: TestStorage;
let locked: Promise<unknown>;

/** A browser: storages, and locks that all tabs share. Channels are those of Node.js. */
beforeEach(() => {
  [localStorage, sessionStorage, locked] = [new TestStorage(), new TestStorage(), Promise.resolve()];
  const define = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, configurable: true });
  define("localStorage", localStorage);
  define("sessionStorage", sessionStorage);
  define("navigator", { locks: { request: lock }, onLine: true });
});

let isLocked = false;

/** As `navigator.locks.request`, for a single lock. */
async function lock(
  _: string,
  ...[options, work]: [{ ifAvailable: true }, (lock: object | null) => unknown] | [(lock: object | null) => unknown]
) {
  if (typeof options === "object" && isLocked) return work!(null);
  const hold = async () => {
    isLocked = true;
    try {
      return await (typeof options === "function" ? options : work!)({});
    } finally {
      isLocked = false;
    }
  };
  return (locked = locked.catch(() => undefined).then(hold));
}

/** Two tabs with the same session, at one service. */
function tabs(handler: Handler, key: string) {
  const first = browserStore({ key });
  const service = serve(handler, { store: first });
  return { first, second: browserStore({ key }), ...service };
}

test("two tabs that find an expired token refresh it once", async () => {
  const handler = rotating();
  const { first, sent, client } = tabs(handler, "race");
  await client.session.start({ ...issued("old"), user: { id: "u" } });
  const other = serve(handler, { store: browserStore({ key: "race" }) });
  await Promise.all([
    getAccount({ client }),
    getAccount({ client: other.client }),
    getAccountStats({ client }),
    getAccountStats({ client: other.client }),
  ]);
  assert.equal(refreshes([...sent, ...other.sent]), 1);
  assert.equal(first.read()?.token, "new-1");
});

test("a tab that refreshes after another one has, without knowing of it, goes on with the same session", async () => {
  const store = browserStore({ key: "late" });
  store.write(tokens("old", { isRemembered: true }), null);
  const { client } = serve(
    (request, path) => {
      if (path !== "/api/auth/refresh")
        return bearer(request) === "Bearer theirs" ? json(200, {}) : problem(401, "not_authenticated");
      // What the other tab has stored arrives only now. Both get the same refresh token.
      localStorage.setItem("late", JSON.stringify({ ...tokens("theirs"), refreshToken: "refresh-next" }));
      return json(200, { ...issued("ours"), refresh_token: "refresh-next" });
    },
    { store },
  );
  await getAccount({ client });
  assert.equal(store.read()?.token, "theirs");
});

test("the end of a session in a tab reaches the others", async () => {
  const { first, second } = tabs(rotating(), "end");
  first.write(tokens(), null);
  second.read();
  const told: unknown[] = [];
  second.subscribe((next) => told.push(next));
  first.write(null, tokens());
  await until(() => told.length > 0);
  assert.deepEqual(told, [null]);
  assert.equal(second.read(), null);
});

test("tabs with storages of their own get refreshed tokens over their channel, and only those of their session", async () => {
  const [first, same, other] = [0, 1, 2].map(() => browserStore({ key: "own" }));
  const storages = [0, 1, 2].map(() => new TestStorage());
  const inTab = <T>(tab: number, work: () => T): T => {
    Object.defineProperty(globalThis, "sessionStorage", { value: storages[tab], configurable: true });
    return work();
  };
  const kept = (token: string) => tokens(token, { isRemembered: false });
  inTab(0, () => first!.write(kept("old"), null));
  inTab(1, () => same!.write(kept("old"), null));
  inTab(2, () => other!.write(kept("foreign"), null));
  other!.subscribe(() => assert.fail("another session is changed"));

  const told: (string | undefined)[] = [];
  same!.subscribe((next) => told.push(next?.token));
  inTab(0, () => first!.write(kept("new"), kept("old")));
  inTab(1, () => undefined);
  await until(() => told.length > 0);
  assert.deepEqual(told, ["new"]);
  assert.equal(inTab(1, () => same!.read())?.token, "new");
  assert.equal(inTab(2, () => other!.read())?.token, "foreign");
});

test("only a remembered session outlives the window", async () => {
  const { client } = tabs(rotating(), "kept");
  await client.session.start(issued("short"), { isRemembered: false });
  assert.deepEqual([localStorage.items.size, sessionStorage.items.size], [0, 1]);
  await client.session.start(issued("long"));
  assert.deepEqual([localStorage.items.size, sessionStorage.items.size], [1, 0]);
});

test("another tab finds a session at every moment of a refresh", () => {
  for (const isRemembered of [true, false]) {
    const [writer, reader] = [browserStore({ key: "moment" }), browserStore({ key: "moment" })];
    writer.write(tokens("old", { isRemembered }), null);
    reader.read();
    reader.subscribe((next) => assert.notEqual(next, null));
    for (const storage of [localStorage, sessionStorage]) {
      for (const change of ["setItem", "removeItem"] as const) {
        const work = storage[change] as (...args: string[]) => void;
        storage[change] = (...args: string[]) => {
          work(...args);
          assert.ok(reader.read(), `after ${change}`);
        };
      }
    }
    writer.write(tokens("new", { isRemembered }), tokens("old"));
    assert.equal(reader.read()?.token, "new");
    [localStorage, sessionStorage] = [new TestStorage(), new TestStorage()];
    Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true });
    Object.defineProperty(globalThis, "sessionStorage", { value: sessionStorage, configurable: true });
  }
});

test("storage that another program has filled is no session", () => {
  localStorage.setItem("session", "not JSON");
  assert.equal(browserStore().read(), null);
});
