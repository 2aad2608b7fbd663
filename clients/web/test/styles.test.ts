// Browsers that do not know `light-dark()` get the light colours.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const styles = await readFile(new URL("../src/styles/base.css", import.meta.url), "utf8");
const [, fallback = ""] = /@supports not \(color: light-dark\(.*?\)\) \{([^]*?)\n\}/.exec(styles) ?? [];

test("the colours of browsers without light-dark are the light ones", () => {
  const colours = [...styles.matchAll(/(--[\w-]+): light-dark\(([^,]+),/g)];
  assert.ok(colours.length > 10);
  for (const [, name, light] of colours) assert.ok(fallback.includes(`${name}: ${light};`), name);
});
