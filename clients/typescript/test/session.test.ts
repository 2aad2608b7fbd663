// Tokens: refreshed silently and once, by concurrent requests and by tabs.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import {
  ApiProblem, type SessionStore, Unreachable, browserStore, createClient, getAccount, getAccountStats, listSessions, logOutUser, memoryStore,
} from "../src/index.ts";
import { BASE_URL, type Handler, bearer, issued, json, problem, serve, skipWaits, tokens, until } from "./support.ts";

const REFRESH = "POST /api/auth/refresh";

/** A service that takes the token of the latest refresh only. */
function rotating(): Handler {
  let valid = "first";
  let count = 0;
  return async (request, path) => {
    if (path === "/api/auth/refresh") {
      const { refresh_token } = (await request.json()) as { refresh_token: string };
      // A moment later: requests that come meanwhile must wait for this one.
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (refresh_token !== `refresh-${valid}` && refresh_token !== "refresh-old") return problem(401, "invalid_refresh_token");
      count += 1;
      valid = `new-${count}`;
      return json(200, issued(valid));
    }
    return bearer(request) === `Bearer ${valid}` ? json(200, { success: true }) : problem(401, "not_authenticated");
  };
}

const refreshes = (sent: string[]) => sent.filter((one) => one === REFRESH).length;

test("requests that fail together with an expired token refresh it once, and are repeated", async () => {
  const { client, sent } = serve(rotating());
  await Promise.all([getAccount({ client }), getAccountStats({ client }), listSessions({ client }), client.fetch(`${BASE_URL}/api/chat`)]);
  assert.equal(refreshes(sent), 1);
  assert.equal((await client.session.tokens())?.token, "new-1");
});

test("a token that is about to expire is refreshed before the request", async () => {
  const store = memoryStore(tokens("old", { expiresAt: Date.now() + 30_000, userId: "u" }));
  const { client, sent } = serve(rotating(), { store });
  await getAccount({ client });
  assert.deepEqual(sent, [REFRESH, "GET /api/user/me"]);
  assert.equal((await store.read())?.userId, "u", "what else is known of the session is kept");
});

test("a body is sent again after a refresh", async () => {
  const bodies: string[] = [];
  const rotate = rotating();
  const { client } = serve(async (request, path) => {
    if (path !== "/api/auth/refresh") bodies.push(await request.clone().text());
    return rotate(request, path);
  });
  const response = await client.fetch(`${BASE_URL}/api/chat`, { method: "POST", body: "a body" });
  assert.equal(response.status, 200);
  assert.deepEqual(bodies, ["a body", "a body"]);
});

test("a lost response to a refresh is requested again with the same key", async (t) => {
  skipWaits(t);
  const keys: (string | null)[] = [];
  const { client } = serve((request, path) => {
    if (path !== "/api/auth/refresh") return bearer(request) === "Bearer new" ? json(200, {}) : problem(401, "not_authenticated");
    keys.push(request.headers.get("idempotency-key"));
    if (keys.length === 1) throw new TypeError("lost");
    return json(200, issued("new"));
  });
  await getAccount({ client });
  assert.equal(keys.length, 2);
  assert.ok(keys[0]);
  assert.equal(keys[0], keys[1]);
});

test("a refused refresh ends the session, and later requests are not sent", async () => {
  const { client, sent } = serve((_, path) => problem(401, path === "/api/auth/refresh" ? "invalid_refresh_token" : "not_authenticated"));
  await assert.rejects(getAccount({ client }), (error) => error instanceof ApiProblem && error.code === "not_authenticated");
  assert.equal(await client.session.tokens(), null);
  const { length } = sent;
  await assert.rejects(getAccount({ client }), (error) => error instanceof ApiProblem && error.status === 401);
  assert.equal(sent.length, length);
});

test("a session survives a refresh that does not reach the service, or finds it down", async (t) => {
  skipWaits(t);
  for (const [kind, refresh] of [[Unreachable, () => Promise.reject(new TypeError("offline"))], [ApiProblem, () => problem(503, "unavailable")]] as const) {
    const { client } = serve((_, path) => (path === "/api/auth/refresh" ? refresh() : problem(401, "not_authenticated")));
    await assert.rejects(getAccount({ client }), kind);
    assert.equal((await client.session.tokens())?.token, "old");
  }
});

test("a session that is ended during a refresh stays ended", async () => {
  const service = serve(rotating());
  const request = getAccount({ client: service.client });
  await until(() => service.sent.includes(REFRESH));
  await service.client.session.end();
  await assert.rejects(request, ApiProblem);
  assert.equal(await service.client.session.tokens(), null);
});

test("an aborted request does not wait for the refresh", async () => {
  const refreshed = Promise.withResolvers<Response>();
  const { client, sent } = serve((_, path) => (path === "/api/auth/refresh" ? refreshed.promise : problem(401, "not_authenticated")));
  const controller = new AbortController();
  const request = getAccount({ client, signal: controller.signal });
  await until(() => sent.includes(REFRESH));
  controller.abort(new Error("left"));
  await assert.rejects(request, /left/);
  refreshed.resolve(json(200, issued("new")));
});

test("a store may be asynchronous", async () => {
  const kept = memoryStore(tokens());
  const later = <T>(work: () => T | Promise<T>) => new Promise<T>((resolve) => setImmediate(() => resolve(work())));
  const store: SessionStore = { read: () => later(() => kept.read()), write: (next, replaced) => later(() => kept.write(next, replaced)) };
  const { client, sent } = serve(rotating(), { store });
  await Promise.all([getAccount({ client }), getAccountStats({ client })]);
  assert.equal(refreshes(sent), 1);
});

test("the session can be ended here first, and then at the service", async () => {
  const { client, requests } = serve(() => json(200, { success: true }));
  const last = await client.session.tokens();
  await client.session.end();
  await logOutUser({ client, auth: last!.token, body: { scope: "this" } });
  assert.equal(bearer(requests[0]!), "Bearer old");
});

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
  const define = (name: string, value: unknown) => Object.defineProperty(globalThis, name, { value, configurable: true });
  define("localStorage", localStorage);
  define("sessionStorage", sessionStorage);
  define("navigator", { locks: { request: lock }, onLine: true });
});

let isLocked = false;

/** As `navigator.locks.request`, for a single lock. */
async function lock(_: string, ...[options, work]: [{ ifAvailable: true }, (lock: object | null) => unknown] | [(lock: object | null) => unknown]) {
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
  await Promise.all([getAccount({ client }), getAccount({ client: other.client }), getAccountStats({ client }), getAccountStats({ client: other.client })]);
  assert.equal(refreshes([...sent, ...other.sent]), 1);
  assert.equal(first.read()?.token, "new-1");
});

test("a tab that refreshes after another one has, without knowing of it, goes on with the same session", async () => {
  const store = browserStore({ key: "late" });
  store.write(tokens("old", { isRemembered: true }), null);
  const { client } = serve((request, path) => {
    if (path !== "/api/auth/refresh") return bearer(request) === "Bearer theirs" ? json(200, {}) : problem(401, "not_authenticated");
    // What the other tab has stored arrives only now. Both get the same refresh token.
    localStorage.setItem("late", JSON.stringify({ ...tokens("theirs"), refreshToken: "refresh-next" }));
    return json(200, { ...issued("ours"), refresh_token: "refresh-next" });
  }, { store });
  await getAccount({ client });
  assert.equal(store.read()?.token, "theirs");
});

test("the end of a session in a tab is told in the others", async () => {
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

test("without tokens and without a store there is no session", async () => {
  await assert.rejects(getAccount({ client: createClient({ baseUrl: BASE_URL }) }), ApiProblem);
});
