// The names of the buttons of Swagger UI for assistive technology.

import assert from "node:assert/strict";
import { test } from "node:test";

import { withoutOtherName } from "../src/accessible.js";

test("a button is called by its text, and an icon keeps its name", () => {
  assert.deepEqual(withoutOtherName({ "aria-label": "Apply credentials", children: "Authorize" }), { children: "Authorize" });
  assert.deepEqual(withoutOtherName({ "aria-label": "Close", children: null }), { "aria-label": "Close", children: null });
  assert.deepEqual(withoutOtherName({ children: "Execute" }), { children: "Execute" });
});
