// Tokens: refreshed silently and once, kept where the user chose, and forgotten completely.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "./browser.ts";
import { Unreachable, request, silentWait } from "../src/api/http.ts";
import { begin, end, session } from "../src/api/session.ts";

type Handler = (path: string, init: RequestInit) => Response | Promise<Response>;

const json = (status: number, body: object, headers: Record<string, string> = {}) => Response.json(body, { status, headers });
const issued = (token: string, expires_in = 3600) => ({ token, refresh_token: `refresh-${token}`, expires_in });
const bearer = (init: RequestInit) => (init.headers as Record<string, string>)["authorization"];
const refused = () => json(401, { code: "not_authenticated" });

let sent: string[] = [];

function serve(handler: Handler): void {
  sent = [];
  globalThis.fetch = (async (path: string, init: RequestInit) => {
    sent.push(path);
    return handler(path, init);
  }) as typeof fetch;
}

beforeEach(() => {
  end();
  begin(issued("old"), "user", false);
});

test("an expired token is refreshed once for requests that fail together, and they are repeated", async () => {
  serve((path, init) => {
    if (path === "/api/auth/refresh") return json(200, issued("new"));
    return bearer(init) === "Bearer new" ? json(200, { path }) : refused();
  });
  await Promise.all([request("GET", "/a"), request("GET", "/b")]);
  assert.equal(sent.filter((path) => path === "/api/auth/refresh").length, 1);
  assert.equal(session.value?.token, "new");
});

test("a token that is about to expire is refreshed before the request", async () => {
  begin(issued("old", 30), "user", false);
  serve((path) => (path === "/api/auth/refresh" ? json(200, issued("new")) : json(200, {})));
  await request("GET", "/a");
  assert.deepEqual(sent, ["/api/auth/refresh", "/a"]);
});

test("a refused refresh ends the session and clears what was stored", async () => {
  sessionStorage.setItem("draft:user:text:new", "secret");
  serve((path) => (path === "/api/auth/refresh" ? json(401, { code: "invalid_refresh_token" }) : refused()));
  await assert.rejects(request("GET", "/a"));
  assert.equal(session.value, null);
  assert.equal(sessionStorage.length + localStorage.length, 0);
});

test("a session survives a refresh that does not reach the service", async () => {
  serve((path) => (path === "/api/auth/refresh" ? Promise.reject(new TypeError("offline")) : refused()));
  await assert.rejects(request("POST", "/a"), Unreachable);
  assert.equal(session.value?.token, "old");
});

test("only a remembered session outlives the window", () => {
  assert.equal(localStorage.length, 0);
  begin(issued("kept"), "user", true);
  assert.equal(sessionStorage.length, 0);
  assert.match(localStorage.getItem("session") ?? "", /kept/);
});

test("requests are repeated unasked only where that is safe and short", () => {
  const lost = new Unreachable();
  Object.defineProperty(navigator, "onLine", { value: true, configurable: true });
  assert.equal(silentWait(lost, "POST", {}, 1), null);
  assert.equal(silentWait(lost, "POST", { key: "k" }, 1), 500);
  assert.equal(silentWait(lost, "GET", {}, 2), null);
});

test("a request in flight is repeated with the same key until its response is known", async () => {
  const keys: string[] = [];
  serve((_, init) => {
    keys.push((init.headers as Record<string, string>)["idempotency-key"]!);
    return keys.length === 1 ? json(409, { code: "request_in_flight" }, { "retry-after": "0.01" }) : json(201, { done: true });
  });
  assert.deepEqual(await request("POST", "/a", { key: "k", body: {} }), { done: true });
  assert.deepEqual(keys, ["k", "k"]);
});
