// The session of this browser: kept where the user chose, and forgotten completely.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import "./browser.ts";
import { getAccount, signOut } from "../src/api/api.ts";
import { begin, end, session, sessionStore } from "../src/api/session.ts";

const issued = (token: string) => ({ token, refresh_token: `refresh-${token}`, expires_in: 3600 });

/** Answers each request by its path. */
function serve(handler: (path: string, request: Request) => Response): void {
  globalThis.fetch = (async (request: Request) => handler(new URL(request.url).pathname, request)) as typeof fetch;
}

const refused = (code: string) => Response.json({ code }, { status: 401 });

beforeEach(() => {
  end();
  begin(issued("old"), "user", false);
});

test("the tokens are a signal, which a silent refresh changes", async () => {
  const seen: (string | undefined)[] = [];
  const stop = session.subscribe((tokens) => seen.push(tokens?.token));
  serve((path, request) => {
    if (path === "/api/auth/refresh") return Response.json(issued("new"));
    return request.headers.get("authorization") === "Bearer new" ? Response.json({ user: {} }) : refused("not_authenticated");
  });
  await getAccount();
  stop();
  assert.deepEqual(seen, ["old", "new"]);
  assert.equal(session.value?.userId, "user");
  assert.equal(sessionStore(), sessionStorage);
});

test("a refused refresh ends the session and clears what was stored", async () => {
  sessionStorage.setItem("draft:user:text:new", "secret");
  localStorage.setItem("draft:user:text:new", "secret");
  serve((path) => refused(path === "/api/auth/refresh" ? "invalid_refresh_token" : "not_authenticated"));
  await assert.rejects(getAccount());
  assert.equal(session.value, null);
  assert.equal(sessionStorage.length + localStorage.length, 0);
});

test("only a remembered session outlives the window", () => {
  assert.equal(localStorage.length, 0);
  begin(issued("kept"), "user", true);
  assert.equal(sessionStorage.length, 0);
  assert.match(localStorage.getItem("session") ?? "", /kept/);
  assert.equal(sessionStore(), localStorage);
});

test("a session that is forgotten here is ended at the service with its last token", async () => {
  const sent: (string | null)[] = [];
  serve((_, request) => {
    sent.push(request.headers.get("authorization"));
    return Response.json({ success: true });
  });
  end();
  await signOut("this", "old");
  assert.deepEqual(sent, ["Bearer old"]);
  assert.equal(session.value, null);
});
