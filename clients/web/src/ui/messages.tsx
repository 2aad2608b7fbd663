// The messages of a chat, and where the reader is among them.

import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Message } from "../api/types.ts";
import { text } from "../catalogue/text.ts";
import { live, loadOlder, outgoing, shown } from "../state/conversation.ts";
import { Chunks, type Item } from "./chunks.tsx";
import { Answer, Arriving, OutgoingMessage, Question } from "./message.tsx";
import { Icon } from "./icons.tsx";

/** A reader within this distance of the end follows the answer. */
const END_PX = 60;

/** Messages are rendered from the newest on, those of about so many characters at a time. */
const STEP_LENGTH = 400;
const PAUSE_MS = 10;

/** The message that a search has found; it is scrolled to and marked. */
export const found = signal<string | null>(null);

export function Messages() {
  const box = useRef<HTMLDivElement>(null);
  const top = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const heightBelow = useRef<number | null>(null);
  const [isAway, setIsAway] = useState(false);
  const messages = shown.value?.messages ?? [];
  const sent = outgoing.value;
  const hasOlder = shown.value?.older != null;
  const skipped = useSkipped(messages, () => keepPlace());

  const toEnd = () => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
    isAtEnd.current = true;
    setIsAway(false);
  };
  const scrolled = () => {
    const element = box.current!;
    isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
    setIsAway(!isAtEnd.current);
  };
  const keepPlace = () => {
    const element = box.current;
    if (element && !isAtEnd.current) heightBelow.current = element.scrollHeight - element.scrollTop;
  };
  const older = async () => {
    const element = box.current;
    if (!element) return;
    heightBelow.current = element.scrollHeight - element.scrollTop;
    await loadOlder();
  };

  // What the user sends is shown, wherever they were.
  useLayoutEffect(() => {
    if (sent) toEnd();
  }, [sent?.key]);
  useLayoutEffect(() => {
    const element = box.current!;
    if (heightBelow.current !== null) {
      // Older messages came above: the ones in view stay where they are.
      element.scrollTop = element.scrollHeight - heightBelow.current;
      heightBelow.current = null;
    } else if (isAtEnd.current && !found.value) {
      toEnd();
    }
  }, [messages, live.value, skipped]);
  useEffect(() => {
    const target = found.value && document.getElementById(`message-${found.value}`);
    if (!target) return;
    target.scrollIntoView({ block: "center" });
    target.classList.add("is-found");
    isAtEnd.current = false;
    found.value = null;
    scrolled();
  }, [found.value, messages, skipped]);
  useEffect(() => {
    // The keyboard of a phone changes the height of the box.
    const observer = new ResizeObserver(() => isAtEnd.current && toEnd());
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (!hasOlder || skipped > 0 || !top.current) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && void older(), { root: box.current, rootMargin: "600px 0px 0px" });
    observer.observe(top.current);
    return () => observer.disconnect();
  }, [hasOlder, messages.length, skipped]);

  const viewOf = useViews();
  const answered = new Set(messages.map((message) => message.reply_to));
  const items = messages.slice(skipped).map<Item>((message, place) => {
    const index = skipped + place;
    const isLast = index === messages.length - 1;
    const hasAnswer = answered.has(message.id);
    if (message.message_type === "ai") return { message, views: [viewOf(message, isLast, () => <Answer key={message.id} message={message} isLast={isLast} />)] };
    const progress = live.value.get(message.id);
    const question = viewOf(message, hasAnswer, () => <Question key={message.id} message={message} hasAnswer={hasAnswer} />);
    return { message, views: [question, progress && <Arriving key={`${message.id}-live`} progress={progress} />] };
  });
  return (
    <div class="messages-frame">
      <div ref={box} class="messages" id="messages" tabindex={0} aria-label={text.rooms.title} onScroll={scrolled}>
        <div class={`column ${skipped > 0 ? "is-filling" : ""}`}>
          <div ref={top} class="hint center">{hasOlder ? text.chat.older : null}</div>
          <Chunks items={items} box={box} wanted={found.value} />
          {sent && <OutgoingMessage message={sent} />}
        </div>
      </div>
      {isAway && (
        <button type="button" class="to-end icon-button" aria-label={text.chat.latest} title={text.chat.latest} onClick={toEnd}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

/**
 * How many of the oldest messages are not rendered yet: the newest ones can be read while the browser
 * renders the others, a few at a time. `grow` is called before each of those times.
 */
function useSkipped(messages: Message[], grow: () => void): number {
  const [skipped, setSkipped] = useState(messages.length);
  const isWanted = found.value !== null;
  useEffect(() => {
    if (skipped === 0) return;
    const timer = setTimeout(() => {
      grow();
      setSkipped(beginOfStep(messages, skipped));
    }, isWanted ? 0 : PAUSE_MS);
    return () => clearTimeout(timer);
  }, [skipped, isWanted]);
  return skipped;
}

/** The first of the messages that are rendered together, if those from `end` on are rendered already. */
function beginOfStep(messages: Message[], end: number): number {
  let begin = Math.min(end, messages.length);
  for (let length = 0; begin > 0 && length < STEP_LENGTH; begin -= 1) length += messages[begin - 1]!.content.length + 100;
  return begin;
}

/** Keeps the views of messages, so that a part of an answer renders one message anew and not thousands. */
function useViews() {
  const known = useRef(new WeakMap<Message, { flag: boolean; view: VNode }>());
  return (message: Message, flag: boolean, create: () => VNode): VNode => {
    const found = known.current.get(message);
    if (found?.flag === flag) return found.view;
    const view = create();
    known.current.set(message, { flag, view });
    return view;
  };
}
