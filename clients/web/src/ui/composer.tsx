// The field for the next message.

import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { clockTime } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { attempt, models, subscription, upgrade, usage } from "../state/account.ts";
import { failure, newRoomModel, openId, outgoing, send, shown, stop, stopping, unfinished, updateShownRoom } from "../state/conversation.ts";
import { readDraft, writeDraft } from "../state/drafts.ts";
import { focusComposer } from "../state/ui.ts";
import { Icon } from "./icons.tsx";
import { isSendKey } from "./keys.ts";

const MAX_LENGTH = 10_000;
/** The count is shown when so few characters are left. */
const COUNT_FROM = 9_000;
export const composerText = signal("");

export const lengthOf = (content: string): number => [...content].length;

export function Composer() {
  const field = useRef<HTMLTextAreaElement>(null);
  const room = openId.value;
  const content = composerText.value;
  const count = content.length > COUNT_FROM ? lengthOf(content) : content.length;
  const isBusy = unfinished.value !== undefined || (outgoing.value !== null && outgoing.value.failure === null);
  const isBlocked = Boolean(failure.value) || (room !== null && !shown.value) || outgoing.value !== null;
  const canSend = content.trim() !== "" && count <= MAX_LENGTH && !isBusy && !isBlocked;

  useEffect(() => {
    composerText.value = readDraft(room);
    // On a phone the keyboard would cover the messages that the user came to read.
    if (!matchMedia("(pointer: coarse)").matches) focusComposer();
  }, [room]);
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = content ? "auto" : "";
    // The height of an empty field is known. Reading it would lay out the whole chat.
    if (content) element.style.height = `${element.scrollHeight}px`;
  }, [content]);

  const write = (value: string) => {
    composerText.value = value;
    writeDraft(openId.value, value);
  };
  const submit = async () => {
    if (!canSend) return;
    write("");
    const returned = await send(content.trim());
    if (returned !== null && composerText.value === "") write(returned);
  };
  const press = (event: KeyboardEvent) => {
    if (!isSendKey(event)) return;
    event.preventDefault();
    void submit();
  };
  return (
    <div class="composer-area">
      <div class="column">
        <Quota />
        <form class="composer" id="composer" onSubmit={(event) => (event.preventDefault(), void submit())}>
          <textarea ref={field} id="composer-text" rows={1} dir="auto" aria-label={text.chat.placeholder} placeholder={text.chat.placeholder} value={content}
            enterkeyhint="send" onInput={(event) => write(event.currentTarget.value)} onKeyDown={press} />
          <div class="composer-row">
            <ModelChoice />
            {count > COUNT_FROM && <span class={count > MAX_LENGTH ? "failure" : "hint"}>{count > MAX_LENGTH ? text.chat.tooLong(count) : `${count} / ${MAX_LENGTH}`}</span>}
            {isBusy && unfinished.value ? (
              <button type="button" id="stop" class="round" aria-label={stopping.value ? text.chat.stopping : text.chat.stop} title={text.chat.stop}
                disabled={stopping.value !== null} onClick={() => void stop()}>
                <Icon name="stop" />
              </button>
            ) : (
              <button id="send" class="round" aria-label={text.chat.send} title={text.chat.send} disabled={!canSend}>
                <Icon name="send" />
              </button>
            )}
          </div>
        </form>
        <p class="disclaimer">{text.chat.disclaimer}</p>
      </div>
    </div>
  );
}

function Quota() {
  const now = usage.value;
  if (!now || now.remaining_messages > 0 || Date.parse(now.resets_at) < Date.now()) return null;
  const canUpgrade = subscription.value?.tier === "basic" && !subscription.value.required_action;
  return (
    <p class="note quota" role="status">
      {text.usage.none}. {text.usage.resets(clockTime(now.resets_at))}.{" "}
      {canUpgrade && <button type="button" class="link" onClick={() => void attempt(upgrade)}>{text.usage.upgrade}</button>}
    </p>
  );
}

function ModelChoice() {
  if (!models.value) return <span class="grow" />;
  const standard = models.value.find((model) => model.default)?.id ?? "";
  const chosen = (openId.value ? shown.value?.room.model : newRoomModel.value) ?? standard;
  const choose = (id: string) => {
    const model = id === standard ? null : id;
    if (openId.value) void attempt(() => updateShownRoom({ model }));
    else newRoomModel.value = model;
  };
  return (
    <label class="model grow">
      <span class="unseen">{text.chat.models}</span>
      <select id="model" value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
        {models.value.map((model) => (
          <option key={model.id} value={model.id}>{model.name}</option>
        ))}
      </select>
    </label>
  );
}
