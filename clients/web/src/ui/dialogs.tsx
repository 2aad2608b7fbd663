// The small windows: confirming, renaming a chat, and its instructions.

import { useEffect, useState } from "preact/hooks";

import { text } from "../catalogue/text.ts";
import { shown, updateShownRoom } from "../state/conversation.ts";
import { findRoom, renameRoom } from "../state/rooms.ts";
import { type Confirmation, dialog } from "../state/ui.ts";
import { Failure, Field, Form, Modal, useAction } from "./parts.tsx";
import { Search } from "./search.tsx";
import { SettingsWindow } from "./settings.tsx";

const close = () => void (dialog.value = null);

export function Dialogs() {
  const open = dialog.value;
  switch (open?.kind) {
    case "search":
      return <Search />;
    case "settings":
      return <SettingsWindow page={open.page} />;
    case "rename":
      return <Rename key={open.room} room={open.room} />;
    case "instructions":
      return <Instructions />;
    case "confirm":
      return <Confirm confirmation={open.confirmation} />;
    case undefined:
      return null;
  }
}

function Confirm({ confirmation }: { confirmation: Confirmation }) {
  const action = useAction();
  const confirm = async () => {
    if ((await action.run(confirmation.run)) && dialog.value?.kind === "confirm") close();
  };
  return (
    <Modal title={confirmation.title} className="small" onClose={close}>
      <p>{confirmation.text}</p>
      <Failure of={action.failure} />
      <div class="row end">
        <button type="button" class="secondary" autoFocus onClick={close}>{text.cancel}</button>
        <button type="button" id="confirm" class="primary danger" disabled={action.isRunning} onClick={() => void confirm()}>{confirmation.action}</button>
      </div>
    </Modal>
  );
}

function Rename({ room }: { room: string }) {
  const action = useAction();
  const rename = async ({ name = "" }: Record<string, string>) => {
    await renameRoom(room, name);
    if (shown.value?.room.id === room) shown.value = { ...shown.value, room: { ...shown.value.room, name } };
    close();
  };
  return (
    <Modal title={text.rooms.renameTitle} className="small" onClose={close}>
      <Form id="rename" action={action} onSubmit={rename}>
        <Field label={text.rooms.name} name="name" required maxLength={255} autoFocus defaultValue={findRoom(room)?.name ?? shown.value?.room.name ?? ""} />
        <div class="row end">
          <button type="button" class="secondary" onClick={close}>{text.cancel}</button>
          <button class="primary" disabled={action.isRunning}>{text.save}</button>
        </div>
      </Form>
    </Modal>
  );
}

function Instructions() {
  const action = useAction();
  const now = shown.value?.room.system_prompt ?? "";
  const [prompt, setPrompt] = useState(now);
  useEffect(() => setPrompt(now), [now]);
  const save = async () => {
    await updateShownRoom({ system_prompt: prompt.trim() || null });
    close();
  };
  return (
    <Modal title={text.instructions.title} onClose={close}>
      <Form id="instructions" action={action} onSubmit={save}>
        <label class="field">
          <span class="hint">{text.instructions.hint}</span>
          <textarea name="system_prompt" rows={8} maxLength={4000} autoFocus value={prompt} onInput={(event) => setPrompt(event.currentTarget.value)} />
        </label>
        <div class="row end">
          <button type="button" class="secondary" onClick={close}>{text.cancel}</button>
          <button class="primary" disabled={action.isRunning}>{text.save}</button>
        </div>
      </Form>
    </Modal>
  );
}
