// Every code of the API has words.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

import { ApiProblem, Unreachable } from "chat-backend-client";

import "./browser.ts";
import { endings, problems, reasons, words } from "../src/catalogue/failures.ts";

const document = JSON.parse(await readFile(new URL("../../../docs/openapi.json", import.meta.url), "utf8")) as {
  components: { schemas: Record<string, { enum: string[] }> };
};
const codes = (schema: string) => document.components.schemas[schema]!.enum;

test("every code of the document has a sentence", () => {
  for (const [schema, sentences] of [["ProblemCode", problems], ["ErrorCode", reasons], ["FinishReason", endings]] as const) {
    for (const code of codes(schema)) {
      assert.ok(code in sentences, `${schema}: ${code}`);
      const sentence = (sentences as Record<string, string | null>)[code];
      if (sentence !== null) assert.match(sentence!, /^[A-Z].*[.]$/, code);
    }
  }
});

test("a refusal says what to do next", () => {
  const limited = new ApiProblem(429, { code: "rate_limited" }, 30);
  assert.equal(words(limited), "There were too many requests. Try again in 30 s.");
  const down = new ApiProblem(503, { code: "unavailable" }, 120);
  assert.equal(words(down), "The service is not available at the moment. Try again in 2 min.");
  const used = new ApiProblem(429, { code: "daily_quota_exhausted", resets_at: "2026-11-28T00:00:00Z" }, 3600);
  assert.match(words(used), /^Today's messages are used up\. New messages from .+\.$/);
  const invalid = new ApiProblem(400, { code: "validation_failed", errors: ["new_password: is too short"] }, null);
  assert.equal(words(invalid), "New password: is too short.");
});

test("no connection is not called an error of the service", () => {
  assert.match(words(new Unreachable()), /cannot be reached|offline/);
});

test("a code that a newer service adds shows the service's own words", () => {
  assert.equal(words(new ApiProblem(409, { code: "new_code", detail: "The moon is full." }, null)), "The moon is full.");
});

test("the page has no words outside the catalogue", async () => {
  const folder = new URL("../src/ui/", import.meta.url);
  for (const name of (await readdir(folder)).filter((name) => name.endsWith(".tsx"))) {
    const source = (await readFile(new URL(name, folder), "utf8")).replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
    const written = source.match(/[^=]>[^<>{}()=;&|]*[A-Za-z]{2}[^<>{}()=;&|]*[<{]|(?:aria-label|title|placeholder|alt)="[^"]+"/g) ?? [];
    // A condition between elements is no text, and the name of a key is the same in every language.
    assert.deepEqual(written.filter((one) => !/>\s*:|Ctrl K/.test(one)), [], name);
  }
});
