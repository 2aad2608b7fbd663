// What a model writes never becomes a request, a script or an attribute of the page.

import assert from "node:assert/strict";
import { test } from "node:test";

import createDOMPurify from "dompurify";
import { JSDOM } from "jsdom";

import { createRenderer, nothingArrived } from "../src/markdown/render.ts";

const { window } = new JSDOM("");
const purifier = createDOMPurify(window as never);
const renderer = createRenderer(() => null, purifier);
const html = (text: string) => renderer.render(text).join("");
/** The HTML after each character of a text has arrived. */
function* arriving(text: string): Generator<string[]> {
  const arrived = nothingArrived();
  for (let length = 1; length <= text.length; length += 1) yield renderer.renderArriving(text.slice(0, length), arrived);
}

function elements(text: string): Element[] {
  const body = new JSDOM(`<body>${html(text)}</body>`).window.document.body;
  return [...body.querySelectorAll("*")];
}

test("an image becomes a link that opens in a new tab", () => {
  const [link] = elements("![a cat](https://tracker.example/cat.png)").filter((element) => element.tagName === "A");
  assert.equal(link?.getAttribute("href"), "https://tracker.example/cat.png");
  assert.equal(link?.textContent, "a cat");
  assert.equal(link?.getAttribute("rel"), "noopener noreferrer");
  assert.equal(link?.getAttribute("target"), "_blank");
});

test("nothing that a model writes loads from a foreign host", () => {
  const hostile = [
    "![x](https://evil.example/a.png)",
    "<img src=https://evil.example/b.png>",
    "<svg onload=fetch('https://evil.example')></svg>",
    "<style>@import 'https://evil.example/c.css'</style>",
    "<link rel=stylesheet href=https://evil.example/d.css>",
    "<iframe src=https://evil.example></iframe>",
    "[![x](https://evil.example/e.png)](https://evil.example)",
    "![x][ref]\n\n[ref]: https://evil.example/f.png",
    "<video poster=https://evil.example/g.png></video>",
  ];
  for (const text of hostile) {
    for (const element of elements(text)) {
      assert.ok(!["IMG", "SVG", "STYLE", "LINK", "IFRAME", "VIDEO", "SCRIPT", "OBJECT"].includes(element.tagName.toUpperCase()), text);
      for (const name of ["src", "srcset", "style", "poster", "background", "onload"]) assert.ok(!element.hasAttribute(name), `${text}: ${name}`);
    }
  }
});

test("HTML is shown as text", () => {
  const shown = new JSDOM(html("Hello <b onclick=alert(1)>world</b> <script>alert(2)</script>")).window.document.body;
  assert.match(shown.textContent ?? "", /<b onclick=alert\(1\)>world<\/b> <script>alert\(2\)<\/script>/);
  assert.equal(shown.querySelector("b, script"), null);
});

test("links of other kinds do nothing", () => {
  const links = [
    "[x](javascript:alert(1))", "[x](JaVaScRiPt:alert(1))", "[x](data:text/html,<script>1</script>)", "[x](vbscript:x)", "[x](/api/auth/logout)",
    "[x](&#106;avascript:alert(1))", "[x](//evil.example)", "<javascript:alert(1)>", "[x](blob:https://a/b)", "![x](data:image/png;base64,AA)",
  ];
  for (const text of links) {
    for (const link of elements(text).filter((element) => element.tagName === "A")) {
      const href = link.getAttribute("href");
      assert.ok(href === null || /^https?:/.test(href), `${text}: ${href}`);
    }
  }
});

test("file names are not links, and addresses are", () => {
  assert.equal(elements("See main.rs and app.py").filter((element) => element.tagName === "A").length, 0);
  assert.equal(elements("See https://example.com/x.").filter((element) => element.tagName === "A").length, 1);
});

test("code keeps its text and has a button to copy it", () => {
  const found = elements("```rust\nlet a = \"<b>\";\n```");
  assert.equal(found.find((element) => element.tagName === "CODE")?.textContent, 'let a = "<b>";\n');
  assert.ok(found.some((element) => element.hasAttribute("data-copy")));
  const hostile = elements("```x\"><img/src=x>\ncode\n```");
  assert.ok(!hostile.some((element) => element.tagName === "IMG"));
});

test("tables are aligned by classes, because the policy forbids styles in attributes", () => {
  const cells = elements("| a | b |\n|:-:|--:|\n| 1 | 2 |").filter((element) => element.tagName === "TD");
  assert.deepEqual(cells.map((cell) => cell.className), ["align-center", "align-right"]);
  assert.ok(cells.every((cell) => !cell.hasAttribute("style")));
});

test("an arriving text changes only its last block, and shows no open marks", () => {
  const text = "# Title\n\nSome **bold words** and more.\n\n- one\n- two\n\n```js\nconst a = 1;\n```\n\nThe [end](https://example.com/page) is **near**.";
  let before: string[] = [];
  for (const now of arriving(text)) {
    assert.deepEqual(now.slice(0, before.length - 1), before.slice(0, -1));
    before = now;
  }
  const end = (part: string) => renderer.renderArriving(part, nothingArrived()).join("");
  assert.ok(end("This is **bo").includes("<strong>bo</strong>"));
  assert.ok(!/https:|\]\(/.test(end("A [link](https://exam")), end("A [link](https://exam"));
});

test("a text that has arrived one character at a time is shown as the whole text is", () => {
  const texts = [
    "1. First:\n\n   ```rust\n   let v: Vec<String> = Vec::new();\n   ```\n\n2. Then\n   - nested\n\n   more\n\nEnd",
    "Before\n\n| a | b |\n|:-:|--:|\n| 1 | `x|y` |\n\nAfter | no table\n",
    "Use `Vec<String>` and Vec<String>; it costs $5, or $10 for two, not $x^2$.",
    "Title\n===\n\n> quoted\nlazy\n\n* * *\n\n- a\n* b\n\n    indented\n\n\n\nA  \nbreak",
    "```\nopen fence\n\nwith a blank line\n\n- no list\n",
    "السطر **الأول**\n\n中文，**粗体**。\n\n👩‍👩‍👧 ~~done~~ __x__ ***y***",
  ];
  for (const text of texts) {
    let last: string[] = [];
    for (const now of arriving(text)) last = now;
    assert.equal(last.join(""), html(text), text);
  }
});

test("a code block shows exactly its text while it arrives", () => {
  const code = 'fn main() {\n\n    let v: Vec<String> = vec!["a*b*".into()];\n}\n';
  const text = `Look:\n\n\`\`\`rust\n${code}\`\`\`\n`;
  const start = text.indexOf(code);
  let length = 0;
  for (const blocks of arriving(text)) {
    length += 1;
    if (length < start || length > start + code.length) continue;
    const shown = new JSDOM(blocks.join("")).window.document.querySelector("code")?.textContent ?? "";
    assert.equal(shown.trimEnd(), text.slice(start, length).trimEnd());
  }
});

test("each of a thousand parts costs about the same", () => {
  const arrived = nothingArrived();
  let text = "";
  let longest = 0;
  for (let part = 0; part < 1000; part += 1) {
    text += part % 10 === 9 ? ".\n\n" : "some words here and ";
    renderer.renderArriving(text, arrived);
    longest = Math.max(longest, text.length - arrived.text.length);
  }
  // The time of a part is that of the text behind the finished blocks. Times themselves are not asserted.
  assert.ok(longest < 500, `${longest} of ${text.length} characters were rendered anew`);
});
