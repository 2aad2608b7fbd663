// The languages that code blocks are highlighted in. Loaded when the first code block is shown.

import core from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

const languages = {
  bash, c, cpp, csharp, css, diff, go, ini, java, javascript, json, kotlin, php, python, ruby, rust, sql, swift, typescript, xml, yaml,
};
/** These colour one another's code inside theirs, so they are registered together. */
const NESTED = ["javascript", "typescript", "xml", "css", "php"];

const waiting = new Map(Object.entries(languages));

function register(name: string): void {
  const language = waiting.get(name);
  waiting.delete(name);
  if (language) core.registerLanguage(name, language);
}

/**
 * HTML with the colours of a language, by its name or an alias; null for an unknown one. A language is
 * built when it is first asked for, because building all of them takes a phone half a second.
 */
export function highlight(code: string, language: string): string | null {
  const name = language.toLowerCase();
  if (!core.getLanguage(name)) {
    if (NESTED.includes(name)) NESTED.forEach(register);
    else register(name);
  }
  // Only a language knows its aliases.
  for (const other of [...waiting.keys()]) {
    if (core.getLanguage(name)) break;
    if (NESTED.includes(other)) NESTED.forEach(register);
    else register(other);
  }
  return core.getLanguage(name) ? core.highlight(code, { language: name, ignoreIllegals: true }).value : null;
}
