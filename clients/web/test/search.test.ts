// Searching: pages without a result.

import "./browser.ts";

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { search } from "../src/api/api.ts";
import { begin } from "../src/api/session.ts";

beforeEach(() => begin({ token: "token", refresh_token: "refresh", expires_in: 3600 }, "user", false));

/** Answers with as many results as `pages` say, each page but the last with a cursor. Returns the cursors that were sent. */
function serve(pages: number[]): (string | null)[] {
  const cursors: (string | null)[] = [];
  globalThis.fetch = (async (request: Request) => {
    const count = pages[cursors.length] ?? 0;
    cursors.push(new URL(request.url).searchParams.get("cursor"));
    const next_cursor = cursors.length < pages.length ? `after-${cursors.length}` : null;
    return Response.json({ success: true, results: Array.from({ length: count }, () => ({})), next_cursor });
  }) as typeof fetch;
  return cursors;
}

const find = (cursor: string | null) => search('"big data"', cursor, new AbortController().signal);

test("a search goes on behind pages without a result, and no further", async () => {
  const cursors = serve([0, 0, 2, 1]);
  const page = await find(null);
  assert.deepEqual([page.items.length, page.next_cursor], [2, "after-3"]);
  assert.deepEqual(cursors, [null, "after-1", "after-2"]);
});

test("a search ends where nothing follows, and where too many pages are empty", async () => {
  let cursors = serve([0, 0]);
  let page = await find("from-here");
  assert.deepEqual([page.items.length, page.next_cursor, cursors], [0, null, ["from-here", "after-1"]]);
  cursors = serve(Array(50).fill(0));
  page = await find(null);
  assert.deepEqual([page.items.length, page.next_cursor, cursors.length], [0, "after-11", 11]);
});
