// Shows markdown. A finished block keeps its elements while the rest of the text arrives.

import { useEffect, useMemo, useState } from "preact/hooks";

import { text } from "../catalogue/text.ts";
import { highlight, isHighlighting } from "../markdown/highlight.ts";
import { createRenderer, nothingArrived } from "../markdown/render.ts";
import { inTurn } from "./turns.ts";

const renderer = createRenderer(highlight);

/** Markdown's rules are compiled at their first use. Called while the page waits for messages, this saves them that time. */
export const prepareMarkdown = (): void => void inTurn(() => renderer.render("# a\n\n**b** `c`\n\n- d\n\n```\n```"));

/** Only code in fences has a language. */
const FENCE = /```|~~~/;

export function Markdown({ content, isArriving }: { content: string; isArriving: boolean }) {
  const hasColours = useColours(FENCE.test(content), isArriving);
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

/** Whether the code of a message is coloured yet: when the library has arrived, one message after the other. */
function useColours(hasCode: boolean, isArriving: boolean): boolean {
  const isPossible = hasCode && isHighlighting.value;
  const [isTurn, setIsTurn] = useState(isPossible);
  useEffect(() => {
    if (isPossible && !isTurn) return inTurn(() => setIsTurn(true));
  }, [isPossible, isTurn]);
  return isPossible && (isTurn || isArriving);
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
