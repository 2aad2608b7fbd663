// Markdown of a model as safe HTML, in blocks, so that finished blocks keep their elements while text arrives.

import DOMPurify from "dompurify";
import MarkdownIt, { type MarkdownIt as Markdown } from "markdown-it";
import remend from "remend";

import { text as catalogue } from "../catalogue/text.ts";

export type Highlight = (code: string, language: string) => string | null;

const MAX_KNOWN = 400;
const TAGS = [
  "a", "blockquote", "br", "button", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s",
  "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
];
/** Attributes that hold no address. */
const PLAIN_ATTRIBUTES = ["class", "rel", "start", "target", "title", "type", "tabindex", "data-copy"];
/** Between blocks. A model cannot write it, because its HTML is shown as text. */
const SEPARATOR = '<hr class="between">';
const LINK = /^(?:https?:\/\/|mailto:)/i;

type Purifier = Pick<typeof DOMPurify, "sanitize">;

/** The finished blocks of a text that is still arriving, so that each part of it costs the same. */
export interface Arrived {
  text: string;
  blocks: string[];
}

export interface Renderer {
  /** The HTML of each block of a complete text. */
  render(text: string): string[];
  /** The same of a text that grows from call to call: open marks at its end are closed. Changes `arrived`. */
  renderArriving(text: string, arrived: Arrived): string[];
}

export const nothingArrived = (): Arrived => ({ text: "", blocks: [] });

interface Block {
  html: string;
  /** The line of the text that it begins in. */
  line: number;
}

/** `purifier` differs only in tests, which have no window. */
export function createRenderer(highlight: Highlight, purifier: Purifier = DOMPurify): Renderer {
  const markdown = createMarkdown(highlight);
  const known = new Map<string, string>();

  const sanitize = (html: string): string =>
    purifier.sanitize(html, {
      ALLOWED_TAGS: TAGS,
      ALLOWED_ATTR: [...PLAIN_ATTRIBUTES, "href"],
      ADD_URI_SAFE_ATTR: PLAIN_ATTRIBUTES,
      ALLOWED_URI_REGEXP: LINK,
      ALLOW_DATA_ATTR: false,
      ALLOW_ARIA_ATTR: false,
    });

  /** Safe HTML of blocks. Those that are new are sanitised together, because each time takes a document. */
  const clean = (blocks: string[]): string[] => {
    const fresh = blocks.filter((html) => !known.has(html));
    if (known.size + fresh.length > MAX_KNOWN) known.clear();
    const unsafe = blocks.filter((html) => !known.has(html));
    const safe = unsafe.length > 0 ? sanitize(unsafe.join(SEPARATOR)).split(SEPARATOR) : [];
    if (safe.length === unsafe.length) unsafe.forEach((html, index) => known.set(html, safe[index]!));
    return blocks.map((html) => known.get(html) ?? sanitize(html));
  };

  const blocksOf = (text: string): Block[] => {
    const env = {};
    const tokens = markdown.parse(text, env);
    const blocks: Block[] = [];
    for (let start = 0, end = 0; start < tokens.length; start = end) {
      let depth = 0;
      do depth += tokens[end++]?.nesting ?? 0;
      while (depth > 0 && end < tokens.length);
      const html = markdown.renderer.render(tokens.slice(start, end), markdown.options, env);
      blocks.push({ html, line: tokens[start]!.map?.[0] ?? 0 });
    }
    const safe = clean(blocks.map(({ html }) => html));
    return blocks.map(({ line }, index) => ({ html: safe[index]!, line }));
  };

  return {
    render: (text) => blocksOf(text).map((block) => block.html),
    renderArriving(text, arrived) {
      if (!text.startsWith(arrived.text)) Object.assign(arrived, nothingArrived());
      const rest = text.slice(arrived.text.length);
      const blocks = blocksOf(remend(rest, { linkMode: "text-only", images: false, htmlTags: false }));
      // A block is finished when another one has begun: what arrives later can only change the last one. A
      // line that is incomplete begins none: `2` after a list is a paragraph, and `2. x` a part of the list.
      const complete = lineCount(rest);
      const last = blocks.findLastIndex((block) => block.line < complete);
      const before = arrived.blocks;
      if (last > 0) {
        arrived.text += rest.slice(0, startOf(rest, blocks[last]!.line));
        arrived.blocks = [...before, ...blocks.slice(0, last).map((block) => block.html)];
      }
      return [...before, ...blocks.map((block) => block.html)];
    },
  };
}

const lineCount = (text: string): number => text.split("\n").length - 1;

/** The place where a line of a text begins. */
const startOf = (text: string, line: number): number =>
  text.split("\n", line).reduce((place, { length }) => place + length + 1, 0);

function createMarkdown(highlight: Highlight): Markdown {
  // HTML is shown as text. Only addresses with a protocol become links: `main.rs` is not one.
  const markdown = new MarkdownIt({ html: false, linkify: true });
  markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  markdown.validateLink = (url: string) => LINK.test(url.trim());
  const { rules, renderToken } = markdown.renderer as unknown as { rules: Rules; renderToken: RenderToken };
  const plain: Rule = (tokens, index, options) => renderToken.call(markdown.renderer, tokens, index, options);
  const escape = (value: string) => markdown.utils.escapeHtml(value);

  rules["link_open"] = (tokens, index, options) => {
    tokens[index]!.attrSet("rel", "noopener noreferrer");
    tokens[index]!.attrSet("target", "_blank");
    return plain(tokens, index, options);
  };
  // An image would be a request to a host that the model chooses.
  rules["image"] = (tokens, index) => {
    const token = tokens[index]!;
    const url = String(token.attrGet("src") ?? "");
    return `<a href="${escape(url)}" rel="noopener noreferrer" target="_blank">${escape(token.content || url)}</a>`;
  };
  rules["table_open"] = () => '<div class="table" tabindex="0"><table>';
  rules["table_close"] = () => "</table></div>";
  rules["th_open"] = rules["td_open"] = (tokens, index, options) => {
    const token = tokens[index]!;
    const align = /text-align:(\w+)/.exec(String(token.attrGet("style") ?? ""))?.[1];
    token.attrs = align ? [["class", `align-${align}`]] : null;
    return plain(tokens, index, options);
  };
  rules["fence"] = rules["code_block"] = (tokens, index) => {
    const token = tokens[index]!;
    const language = /^[\w+#.-]+/.exec(token.info)?.[0] ?? "";
    const code = highlight(token.content, language) ?? escape(token.content);
    const head = `<span>${escape(language || catalogue.message.code)}</span><button type="button" data-copy="code">${catalogue.message.copy}</button>`;
    return `<div class="code"><div class="code-head">${head}</div><pre tabindex="0"><code>${code}</code></pre></div>`;
  };
  return markdown;
}

interface Token {
  content: string;
  info: string;
  attrs: [string, string][] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}
type RenderToken = (tokens: Token[], index: number, options: unknown) => string;
type Rule = RenderToken;
type Rules = Record<string, Rule>;
