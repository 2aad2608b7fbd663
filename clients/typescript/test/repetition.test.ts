// Requests are repeated where that is safe, with the same key and after the time that the service
// asks for.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ApiProblem,
  Unreachable,
  createChatroom,
  deleteChatroom,
  getAccount,
  getChatroom,
  logInUser,
  quotaOf,
  sendMessage,
} from "../src/index.ts";
import { retryAfterMs } from "../src/retry-after.ts";
import { type Handler, brokenAfter, json, problem, serve, skipWaits, until } from "./support.ts";

const path = { id: "room" };
const body = { content: "Hello" };
const accepted = () => json(201, { success: true, message: { id: "m" } });

/** Answers the first requests with `responses`, and later ones with 201. */
function failing(...responses: (() => Response)[]): Handler {
  return () => (responses.shift() ?? accepted)();
}

const lost = () => {
  throw new TypeError("lost");
};
const keysOf = ({ requests }: { requests: Request[] }) => requests.map(({ headers }) => headers.get("idempotency-key"));

test("a message whose response is lost is sent again, with one key and one body", async (t) => {
  skipWaits(t);
  const service = serve(failing(lost, lost));
  const { data } = await sendMessage({ client: service.client, path, body });
  assert.equal(data.message.id, "m");
  const keys = keysOf(service);
  assert.match(keys[0] ?? "", /^[0-9a-f-]{36}$/);
  assert.deepEqual(keys, Array(3).fill(keys[0]));
  for (const request of service.requests) assert.deepEqual(await request.json(), body);
});

test("a response that breaks off at any byte is a lost one", async (t) => {
  skipWaits(t);
  const bytes = new TextEncoder().encode(JSON.stringify({ success: true, message: { id: "m" } }));
  for (let cut = 0; cut < bytes.length; cut += 1) {
    const service = serve(failing(() => brokenAfter(bytes.slice(0, cut), { "content-type": "application/json" })));
    const { data } = await sendMessage({ client: service.client, path, body });
    assert.equal(data.message.id, "m");
    const [first, second] = keysOf(service);
    assert.equal(first, second, `cut after ${cut} bytes`);
  }
});

test("each message has a key of its own, and a page may bring a stored one", async () => {
  const service = serve(failing());
  await sendMessage({ client: service.client, path, body });
  await sendMessage({ client: service.client, path, body });
  await sendMessage({ client: service.client, path, body, headers: { "Idempotency-Key": "kept" } });
  const [first, second, third] = keysOf(service);
  assert.notEqual(first, second);
  assert.equal(third, "kept");
});

test("a request that is still in progress is repeated until its response is known", async (t) => {
  const waits = skipWaits(t);
  const service = serve(failing(() => problem(409, "request_in_flight", { "retry-after": "1" })));
  await createChatroom({ client: service.client, body: {} });
  assert.deepEqual(waits, [1000]);
  assert.equal(new Set(keysOf(service)).size, 1);
});

test("what a repetition could do twice is sent once", async (t) => {
  skipWaits(t);
  const service = serve(lost);
  const { client } = service;
  await assert.rejects(logInUser({ client, body: { mobile_number: "1", password: "p" } }), Unreachable);
  await assert.rejects(deleteChatroom({ client, path }), Unreachable);
  assert.equal(service.sent.length, 2);
  assert.deepEqual(keysOf(service), [null, null]);
});

test("a refusal that does not pass is final", async (t) => {
  skipWaits(t);
  for (const [status, code] of [
    [400, "validation_failed"],
    [409, "parent_not_found"],
    [422, "idempotency_key_reused"],
    [500, "internal"],
  ] as const) {
    const service = serve(() => problem(status, code));
    await assert.rejects(
      sendMessage({ client: service.client, path, body }),
      (error) => error instanceof ApiProblem && error.code === code,
    );
    assert.equal(service.sent.length, 1);
  }
});

test("Retry-After is respected in seconds and as a date, by the clock of the service", async (t) => {
  const waits = skipWaits(t);
  const headers = { "retry-after": "Fri, 27 Nov 2026 10:00:04 GMT", date: "Fri, 27 Nov 2026 10:00:00 GMT" };
  const service = serve(
    failing(
      () => problem(503, "unavailable", { "retry-after": "2" }),
      () => problem(429, "rate_limited", headers),
    ),
  );
  await getChatroom({ client: service.client, path });
  assert.deepEqual(waits, [2000, 4000]);
});

test("a wait that is longer than allowed is left to the caller, with its length", async (t) => {
  const waits = skipWaits(t);
  const service = serve(() => problem(429, "daily_quota_exhausted", { "retry-after": "3600" }));
  await assert.rejects(
    sendMessage({ client: service.client, path, body }),
    (error) => error instanceof ApiProblem && error.retryAfter === 3600,
  );
  assert.deepEqual(waits, []);
});

test("a service that stays down is asked four times, after growing waits", async (t) => {
  const waits = skipWaits(t);
  const service = serve(() => new Response("<html>", { status: 502 }));
  await assert.rejects(
    getAccount({ client: service.client }),
    (error) => error instanceof ApiProblem && error.status === 502,
  );
  assert.equal(service.sent.length, 4);
  for (const [index, longest] of [500, 1000, 2000].entries())
    assert.ok(waits[index]! <= longest && waits[index]! >= longest * 0.75, waits.join());
});

test("a response that does not come in time is a lost one", async () => {
  const service = serve(
    (request) =>
      new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason))),
    {
      timeoutMs: 10,
      maxAttempts: 2,
      maxWaitMs: 1,
    },
  );
  await assert.rejects(getAccount({ client: service.client }), Unreachable);
  assert.equal(service.sent.length, 2);
});

test("an abort reaches the network at once", async () => {
  const controller = new AbortController();
  const signals: AbortSignal[] = [];
  const service = serve((request) => {
    signals.push(request.signal);
    return new Promise((_, reject) => request.signal.addEventListener("abort", () => reject(request.signal.reason)));
  });
  const request = getAccount({ client: service.client, signal: controller.signal });
  await until(() => signals.length === 1);
  controller.abort(new Error("left"));
  await assert.rejects(request, /left/);
  assert.ok(signals[0]?.aborted);
});

test("an aborted request is not repeated", async () => {
  const controller = new AbortController();
  const service = serve(() => problem(503, "unavailable", { "retry-after": "9" }));
  const request = getAccount({ client: service.client, signal: controller.signal });
  await until(() => service.sent.length === 1);
  controller.abort(new Error("left"));
  await assert.rejects(request, /left/);
  assert.equal(service.sent.length, 1);
});

test("without throwOnError the problem document is returned", async () => {
  const { client } = serve(() => problem(404, "not_found"));
  const { error, response } = await getChatroom({ client, path, throwOnError: false });
  assert.equal(error?.code, "not_found");
  assert.equal(response?.status, 404);
});

test("an accepted message tells what is left of the day's quota", async () => {
  const headers = { "x-quota-limit": "5", "x-quota-remaining": "3", "x-quota-reset": "1795824000" };
  const { client } = serve(() => json(201, { message: { id: "m" } }, headers));
  const { response } = await sendMessage({ client, path, body });
  assert.deepEqual(quotaOf(response), {
    daily_message_limit: 5,
    remaining_messages: 3,
    daily_messages_used: 2,
    resets_at: "2026-11-28T00:00:00.000Z",
  });
  assert.equal(quotaOf(new Response()), null);
});

test("the forms of Retry-After", () => {
  const now = Date.parse("2026-11-27T10:00:00Z");
  const wait = (value: string, more: Record<string, string> = {}) =>
    retryAfterMs(new Headers({ "retry-after": value, ...more }), now);
  assert.equal(wait("0"), 0);
  assert.equal(wait("120"), 120_000);
  assert.equal(wait("Fri, 27 Nov 2026 10:00:30 GMT"), 30_000);
  assert.equal(wait("Fri, 27 Nov 2026 09:00:00 GMT"), 0);
  assert.equal(wait("Fri, 27 Nov 2026 10:00:30 GMT", { date: "Fri, 27 Nov 2026 10:00:10 GMT" }), 20_000);
  assert.equal(wait("soon"), null);
  assert.equal(retryAfterMs(new Headers()), null);
});
