// One message: a question, an answer, an answer that is being written, or a message on its way.

import { useEffect, useRef, useState } from "preact/hooks";

import { type Message, isUnfinished } from "../api/types.ts";
import { endings, reasons } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { attempt, models } from "../state/account.ts";
import { discard, edit, live, openId, rate, regenerate, remove, retry, sendAgain, showSibling, stopping } from "../state/conversation.ts";
import { type Outgoing, writeDraft } from "../state/drafts.ts";
import { dialog, focusComposer } from "../state/ui.ts";
import type { Progress } from "../stream/follow.ts";
import { composerText } from "./composer.tsx";
import { useSecondsUntil } from "./door.tsx";
import { isComposing, isSendKey } from "./keys.ts";
import { Markdown } from "./markdown.tsx";
import { IconButton, Menu, type MenuItem } from "./parts.tsx";

const LONG_WAIT_S = 20;

export function Question({ message, hasAnswer }: { message: Message; hasAnswer: boolean }) {
  const [isEditing, setIsEditing] = useState(false);
  const isBusy = isUnfinished(message.processing_status);
  if (isEditing) return <Editor message={message} close={() => setIsEditing(false)} />;
  return (
    <article class="message question" id={`message-${message.id}`} aria-label={text.chat.you}>
      <div class="bubble" dir="auto">{message.content}</div>
      <div class="actions">
        <Switcher message={message} />
        <Copy content={message.content} />
        {!isBusy && <IconButton icon="edit" className="edit" label={text.message.edit} onClick={() => setIsEditing(true)} />}
        {!isBusy && <IconButton icon="trash" className="delete" label={text.message.delete} onClick={() => confirmDelete(message)} />}
      </div>
      {!isBusy && !hasAnswer && <Unanswered message={message} />}
      {isBusy && !live.value.has(message.id) && <Arriving />}
    </article>
  );
}

/** A question without an answer on this branch: why, and what to do. */
function Unanswered({ message }: { message: Message }) {
  const isFailed = message.processing_status === "failed";
  const isCancelled = message.processing_status === "cancelled";
  const why = isFailed ? reasons[message.error_code ?? "internal"] : isCancelled ? text.message.cancelled : text.message.noAnswer;
  const answers = message.answers ?? [];
  return (
    <div class={`outcome ${isFailed ? "is-failed" : ""}`} role={isFailed ? "alert" : undefined}>
      <p>{why}</p>
      <button type="button" class="secondary retry" onClick={() => void (isFailed ? retry(message.id) : regenerate(message.id))}>
        {isFailed ? text.message.retry : text.message.regenerate}
      </button>
      {answers.length > 0 && (
        <button type="button" class="secondary" onClick={() => void showSibling(answers.at(-1)!)}>{text.message.olderAnswers(answers.length)}</button>
      )}
    </div>
  );
}

export function Answer({ message, isLast }: { message: Message; isLast: boolean }) {
  const ending = message.finish_reason && endings[message.finish_reason];
  return (
    <article class={`message answer ${isLast ? "is-last" : ""}`} id={`message-${message.id}`} aria-label={text.chat.model}>
      <Markdown content={message.content} isArriving={false} />
      {ending && <p class="ending">{ending}</p>}
      <div class="actions">
        <Switcher message={message} />
        <Copy content={message.content} />
        {"feedback" in message && <Rating message={message} />}
        <Regenerate message={message} />
        <IconButton icon="trash" className="delete" label={text.message.delete} onClick={() => confirmDelete(message)} />
        {message.model && <span class="model-name">{nameOfModel(message.model)}</span>}
      </div>
    </article>
  );
}

const nameOfModel = (id: string) => models.value?.find((model) => model.id === id)?.name ?? id;

function Regenerate({ message }: { message: Message }) {
  if (!models.value) return <IconButton icon="again" className="regenerate" label={text.message.regenerate} onClick={() => void regenerate(message.id)} />;
  const items = models.value.map<MenuItem>((model) => ({ label: model.name, icon: "again", run: () => void regenerate(message.id, model.id) }));
  return <Menu icon="again" label={text.message.regenerate} items={items} />;
}

const Rating = ({ message }: { message: Message }) => (
  <>
    <IconButton icon="up" label={text.message.helpful} isPressed={message.feedback?.rating === "up"} onClick={() => void rate(message, "up")} />
    <IconButton icon="bad" label={text.message.unhelpful} isPressed={message.feedback?.rating === "down"} onClick={() => void rate(message, "down")} />
  </>
);

function confirmDelete(message: Message): void {
  const isQuestion = message.message_type === "user";
  const run = async () => void (await remove(message.id));
  const said = isQuestion ? text.message.deleteQuestion : text.message.deleteAnswer;
  dialog.value = { kind: "confirm", confirmation: { title: text.message.deleteTitle, text: said, action: text.message.delete, run } };
}

/** Leads to the other versions of a message. */
function Switcher({ message }: { message: Message }) {
  const { siblings } = message;
  if (!siblings || siblings.count < 2) return null;
  const show = (index: number) => void showSibling(siblings.ids[index]!);
  return (
    <span class="switcher">
      <IconButton icon="left" className="previous" label={text.message.previous} isDisabled={siblings.index === 0} onClick={() => show(siblings.index - 1)} />
      <span>{text.message.version(siblings.index + 1, siblings.count)}</span>
      <IconButton icon="right" className="next" label={text.message.next} isDisabled={siblings.index === siblings.count - 1} onClick={() => show(siblings.index + 1)} />
    </span>
  );
}

function Copy({ content }: { content: string }) {
  const [isDone, setIsDone] = useState(false);
  const copy = async () => {
    if (!(await attempt(() => navigator.clipboard.writeText(content)))) return;
    setIsDone(true);
    setTimeout(() => setIsDone(false), 2000);
  };
  return <IconButton icon={isDone ? "check" : "copy"} label={isDone ? text.message.copied : text.message.copy} onClick={() => void copy()} />;
}

/** An answer that is being written, or why it is not yet. */
export function Arriving({ progress }: { progress?: Progress }) {
  return (
    <div class="message answer arriving" aria-busy="true">
      {progress?.text && <Markdown content={progress.text} isArriving />}
      <Waiting progress={progress} />
    </div>
  );
}

function Waiting({ progress }: { progress: Progress | undefined }) {
  const [start] = useState(Date.now());
  const retryAt = progress?.retryAt ? Date.parse(progress.retryAt) : 0;
  const left = useSecondsUntil(retryAt);
  const waited = (Date.now() - start) / 1000;
  const why = () => {
    if (progress?.isInterrupted) return text.waiting.reconnecting;
    if (stopping.value) return text.chat.stopping;
    if (progress?.waitingFor) return `${text.waiting[progress.waitingFor]} ${left > 0 ? text.waiting.about(left) : text.waiting.soon}`;
    if (progress?.text) return text.waiting.writing;
    if (waited > LONG_WAIT_S) return text.waiting.longer;
    return progress?.state === "processing" ? text.waiting.thinking : text.waiting.queued;
  };
  return (
    <p class="waiting">
      <i class="pulse" aria-hidden="true" /> {why()}
    </p>
  );
}

function Editor({ message, close }: { message: Message; close(): void }) {
  const [content, setContent] = useState(message.content);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const save = async () => {
    if (content.trim() && (await edit(message.id, content.trim()))) close();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Escape" && !isComposing(event)) close();
    if (!isSendKey(event)) return;
    event.preventDefault();
    void save();
  };
  return (
    <article class="message question editor" id={`message-${message.id}`}>
      <textarea ref={field} dir="auto" aria-label={text.message.editLabel} rows={Math.min(12, content.split("\n").length + 1)} value={content}
        onInput={(event) => setContent(event.currentTarget.value)} onKeyDown={press} />
      <div class="row end">
        <button type="button" class="secondary" onClick={close}>{text.cancel}</button>
        <button type="button" class="primary" disabled={!content.trim()} onClick={() => void save()}>{text.message.editSend}</button>
      </div>
    </article>
  );
}

export function OutgoingMessage({ message }: { message: Outgoing }) {
  const takeBack = () => {
    const content = discard();
    composerText.value = composerText.value || content;
    writeDraft(openId.value, composerText.value);
    focusComposer();
  };
  return (
    <article class="message question" aria-label={text.chat.you}>
      <div class="bubble is-unsent" dir="auto">{message.content}</div>
      {message.failure ? (
        <div class="outcome is-failed" role="alert">
          <p>{message.failure}</p>
          <button type="button" class="secondary retry" onClick={sendAgain}>{text.message.retry}</button>
          <button type="button" class="secondary" onClick={takeBack}>{text.message.discard}</button>
        </div>
      ) : (
        <p class="waiting">{text.message.sending}</p>
      )}
    </article>
  );
}
