// Shows markdown. A finished block keeps its elements while the rest of the text arrives.

import { useMemo } from "preact/hooks";

import { text } from "../catalogue/text.ts";
import { highlight, isHighlighting } from "../markdown/highlight.ts";
import { createRenderer, nothingArrived } from "../markdown/render.ts";

const renderer = createRenderer(highlight);

/** Only code in fences has a language. */
const FENCE = /```|~~~/;

export function Markdown({ content, isArriving }: { content: string; isArriving: boolean }) {
  const hasColours = FENCE.test(content) && isHighlighting.value;
  const arrived = useMemo(nothingArrived, [hasColours]);
  const render = () => (isArriving ? renderer.renderArriving(content, arrived) : renderer.render(content));
  const blocks = useMemo(render, [content, isArriving, hasColours]);
  return (
    <div class="markdown" onClick={copyCode}>
      {blocks.map((html, index) => (
        <Block key={index} html={html} />
      ))}
    </div>
  );
}

const Block = ({ html }: { html: string }) => useMemo(() => <div class="block" dir="auto" dangerouslySetInnerHTML={{ __html: html }} />, [html]);

/** The buttons in code blocks are part of their HTML, so one listener serves them all. */
function copyCode(event: MouseEvent): void {
  const button = (event.target as HTMLElement).closest<HTMLButtonElement>("[data-copy]");
  const code = button?.closest(".code")?.querySelector("code")?.textContent;
  if (!button || !code) return;
  void navigator.clipboard.writeText(code.replace(/\n$/, "")).then(() => {
    button.textContent = text.message.copied;
    setTimeout(() => (button.textContent = text.message.copy), 2000);
  });
}
