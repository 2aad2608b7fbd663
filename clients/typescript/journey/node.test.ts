// The journeys in Node.js. The end-to-end tests start the stack, script the model, and run this.

import assert from "node:assert/strict";
import { test } from "node:test";

import { journeys } from "./journey.ts";

const { E2E_BASE_URL: baseUrl, E2E_SLOW_QUESTION: slowQuestion } = process.env;
assert.ok(baseUrl && slowQuestion);

for (const [name, journey] of Object.entries(journeys)) {
  test(name, { timeout: 60_000 }, () => journey({ baseUrl, slowQuestion }));
}
