// Small functions: marked snippets, the key that sends, and groups of messages.

import assert from "node:assert/strict";
import { test } from "node:test";

import { group } from "../src/ui/grouping.ts";
import { mark, withoutMarks, wordsOf } from "../src/ui/highlighted.ts";
import { isSendKey } from "../src/ui/keys.ts";

const hits = (snippet: string, query: string) => mark(snippet, query).filter((part) => part.isHit).map((part) => part.text);

test("a snippet marks words by their beginnings, without case and accents", () => {
  assert.deepEqual(hits("The Whale and whales, not overwhale", "whale"), ["Whale", "whale"]);
  assert.deepEqual(hits("Un café noir, cafe\u0301 crème", "CAFE"), ["café", "cafe\u0301"]);
  assert.deepEqual(hits("ßtrange İstanbul x", "istanbul"), ["İstanbul"]);
  assert.equal(mark("The Whale", "whale").map((part) => part.text).join(""), "The Whale");
});

test("scripts without spaces are marked anywhere", () => {
  assert.deepEqual(hits("東京タワーに行く", "タワー"), ["タワー"]);
});

test("excluded words and operators are not marked", () => {
  assert.deepEqual(wordsOf('storm OR calm -rain "deep sea" -"red sky"'), ["storm", "calm", "deep", "sea"]);
});

test("a snippet is shown without marks of markdown, and keeps what only looks like one", () => {
  assert.equal(withoutMarks("# Tea\n\n| a | b |\n|:-:|--:|\n| **1** | `x` |"), "Tea a b 1 x");
  assert.equal(withoutMarks("snake_case, 2 * 3, C# and a -> b"), "snake_case, 2 * 3, C# and a -> b");
});

test("Enter that confirms a composed word does not send, in Chrome and in Safari", () => {
  const press = { key: "Enter", shiftKey: false, altKey: false, isComposing: false, keyCode: 13 };
  assert.equal(isSendKey(press), true);
  // Chrome: the press, and then the end of the composition.
  assert.equal(isSendKey({ ...press, isComposing: true, keyCode: 229 }), false);
  // Safari: the end of the composition, and then the press.
  assert.equal(isSendKey({ ...press, keyCode: 229 }), false);
  for (const other of [{ shiftKey: true }, { altKey: true }, { key: "a" }]) assert.equal(isSendKey({ ...press, ...other }), false);
});

test("older messages above leave the groups of the messages below as they are", () => {
  const items = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => ({ message: { id: String(from + index) } }));
  const before = group(items(100, 190), null);
  assert.deepEqual([before.anchor, before.groups.map(({ key, items }) => [key, items.length])], ["100", [[0, 40], [1, 40], [2, 10]]]);
  const after = group(items(30, 190), before.anchor);
  assert.deepEqual(after.groups.slice(-3), before.groups);
  assert.deepEqual(after.groups.slice(0, 2).map(({ key, items }) => [key, items.length]), [[-2, 30], [-1, 40]]);
  assert.equal(group(items(150, 190), before.anchor).anchor, "150");
});
