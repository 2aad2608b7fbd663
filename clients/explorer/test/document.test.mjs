// What Swagger UI fills in before a call is tried out.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { withoutSuggestions } from "../src/document.js";

const text = await readFile(new URL("../../../docs/openapi.json", import.meta.url), "utf8");

const parametersOf = ({ paths, components }) =>
  [...Object.values(paths).flatMap((path) => Object.values(path)).flatMap((one) => one.parameters ?? []), ...Object.values(components.parameters)];

test("examples of optional parameters are not filled in, and those of required ones are", () => {
  const before = JSON.parse(text);
  const shown = withoutSuggestions(JSON.parse(text));
  const hasExample = (one) => one.example !== undefined || one.schema?.example !== undefined;
  assert.ok(parametersOf(before).some((one) => !one.required && hasExample(one)));
  assert.ok(!parametersOf(shown).some((one) => !one.required && hasExample(one)));
  const required = (document) => parametersOf(document).filter((one) => one.required);
  assert.deepEqual(required(shown), required(before));
});

test("a body has what it must have, and its own example if there is one", () => {
  const { paths } = withoutSuggestions(JSON.parse(text));
  const exampleOf = (path) => paths[path].post.requestBody.content["application/json"].example;
  assert.deepEqual(exampleOf("/api/chatroom/{id}/message"), { content: "Some text" });
  assert.deepEqual(Object.keys(exampleOf("/api/auth/login")), ["mobile_number", "password"]);
  assert.deepEqual(exampleOf("/api/chatroom/message/{id}/feedback"), { rating: "up" });
  assert.deepEqual(paths["/api/chatroom"].post, JSON.parse(text).paths["/api/chatroom"].post);
});
