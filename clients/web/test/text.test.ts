// Small functions on text: titles, marked snippets, the key that sends, names of devices.

import assert from "node:assert/strict";
import { test } from "node:test";

import { mark, wordsOf } from "../src/ui/highlighted.ts";

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
