// Tokens: refreshed silently, and once for concurrent requests.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ApiProblem,
  type SessionStore,
  Unreachable,
  createClient,
  deleteChatroom,
  getAccount,
  getAccountStats,
  listSessions,
  logOutUser,
  memoryStore,
} from "../src/index.ts";
import { REFRESH, refreshes, rotating } from "./rotation.ts";
import { BASE_URL, bearer, issued, json, problem, serve, skipWaits, tokens, until } from "./support.ts";

test("requests that fail together with an expired token refresh it once, and are repeated", async () => {
  const { client, sent } = serve(rotating());
  await Promise.all([
    getAccount({ client }),
    getAccountStats({ client }),
    listSessions({ client }),
    client.fetch(`${BASE_URL}/api/chat`),
  ]);
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
    if (path !== "/api/auth/refresh")
      return bearer(request) === "Bearer new" ? json(200, {}) : problem(401, "not_authenticated");
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
  const { client, sent } = serve((_, path) =>
    problem(401, path === "/api/auth/refresh" ? "invalid_refresh_token" : "not_authenticated"),
  );
  await assert.rejects(
    getAccount({ client }),
    (error) => error instanceof ApiProblem && error.code === "not_authenticated",
  );
  assert.equal(await client.session.tokens(), null);
  const { length } = sent;
  await assert.rejects(getAccount({ client }), (error) => error instanceof ApiProblem && error.status === 401);
  assert.equal(sent.length, length);
});

test("a session survives a refresh that does not reach the service, or finds it down", async (t) => {
  skipWaits(t);
  for (const [kind, refresh] of [
    [Unreachable, () => Promise.reject(new TypeError("offline"))],
    [ApiProblem, () => problem(503, "unavailable")],
  ] as const) {
    const { client } = serve((_, path) =>
      path === "/api/auth/refresh" ? refresh() : problem(401, "not_authenticated"),
    );
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

test("a session that begins while another one is refused is kept", async () => {
  for (const refresh of [() => problem(401, "invalid_refresh_token"), () => json(200, issued("useless"))]) {
    let startsAt = refresh().ok ? "Bearer useless" : null;
    const { client } = serve(async (request, path) => {
      if (bearer(request) === startsAt) {
        startsAt = "never";
        await client.session.start(issued("another"));
      }
      return path === "/api/auth/refresh" ? refresh() : problem(401, "not_authenticated");
    });
    await assert.rejects(getAccount({ client }), ApiProblem);
    assert.equal((await client.session.tokens())?.token, "another");
  }
});

test("an aborted request does not wait for the refresh", async () => {
  const refreshed = Promise.withResolvers<Response>();
  const { client, sent } = serve((_, path) =>
    path === "/api/auth/refresh" ? refreshed.promise : problem(401, "not_authenticated"),
  );
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
  const store: SessionStore = {
    read: () => later(() => kept.read()),
    write: (next, replaced) => later(() => kept.write(next, replaced)),
  };
  const { client, sent } = serve(rotating(), { store });
  await Promise.all([getAccount({ client }), getAccountStats({ client })]);
  assert.equal(refreshes(sent), 1);
});

test("a request that is made before the end of the session has its token", async () => {
  const { client, requests } = serve(() => json(200, { success: true }));
  const [request] = [deleteChatroom({ client, path: { id: "r" } }), client.session.end()];
  await request;
  assert.equal(bearer(requests[0]!), "Bearer old");
});

test("the session can be ended here first, and then at the service", async () => {
  const { client, requests } = serve(() => json(200, { success: true }));
  const last = await client.session.tokens();
  await client.session.end();
  await logOutUser({ client, auth: last!.token, body: { scope: "this" } });
  assert.equal(bearer(requests[0]!), "Bearer old");
});

test("without tokens and without a store there is no session", async () => {
  await assert.rejects(getAccount({ client: createClient({ baseUrl: BASE_URL }) }), ApiProblem);
});
