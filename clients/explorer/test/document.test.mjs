// What Swagger UI fills in before a call is tried out.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { withoutSuggestions } from "../src/document.js";

const text = await readFile(new URL("../../../docs/openapi.json", import.meta.url), "utf8");

test("examples of optional parameters are not filled in, those of required ones and of bodies are", () => {
  const before = JSON.parse(text);
  const { paths } = withoutSuggestions(JSON.parse(text));
  const parametersOf = (document) => Object.values(document).flatMap((path) => Object.values(path)).flatMap((one) => one.parameters ?? []);
  const hasExample = (one) => one.example !== undefined || one.schema?.example !== undefined;
  assert.ok(parametersOf(before.paths).some((one) => !one.required && hasExample(one)));
  assert.ok(!parametersOf(paths).some((one) => !one.required && hasExample(one)));
  const required = (document) => parametersOf(document).filter((one) => one.required);
  assert.deepEqual(required(paths), required(before.paths));
  assert.deepEqual(paths["/api/auth/login"].post, before.paths["/api/auth/login"].post);
});
