// The chat in the middle of the page: its title, its messages and the field for the next one.

import { useEffect } from "preact/hooks";

import { text } from "../catalogue/text.ts";
import { account } from "../state/account.ts";
import { failure, openId, outgoing, reload, shown } from "../state/conversation.ts";
import { writeDraft } from "../state/drafts.ts";
import { findRoom, nameOf } from "../state/rooms.ts";
import { dialog, focusComposer, isListOpen, isOnline } from "../state/ui.ts";
import { Composer, composerText } from "./composer.tsx";
import { Icon, Mark } from "./icons.tsx";
import { Messages } from "./messages.tsx";
import { IconButton, Menu } from "./parts.tsx";
import { roomCommands, startChat } from "./sidebar.tsx";

export function Chat() {
  const id = openId.value;
  const room = shown.value?.room ?? (id ? findRoom(id) : undefined);
  const title = room ? nameOf(room) : text.rooms.new;
  useEffect(() => {
    document.title = room ? `${nameOf(room)} · ${text.product}` : text.product;
  }, [room?.name]);
  const isEmpty = id === null && !outgoing.value;
  return (
    <main class="chat">
      <header class="chat-head">
        <IconButton icon="menu" className="only-narrow" label={text.rooms.open} onClick={() => (isListOpen.value = true)} />
        <h1 id="chat-title" dir="auto">{title}</h1>
        {shown.value?.room.system_prompt && (
          <button type="button" class="badge as-button" aria-label={text.instructions.menu} title={text.instructions.active} onClick={() => editInstructions(id)}>
            <span class="only-wide">{text.instructions.menu}</span>
            <span class="only-narrow"><Icon name="tune" /></span>
          </button>
        )}
        {room && <Menu label={text.rooms.menu(title)} items={[instructionsCommand(room.id), ...roomCommands(room)]} />}
        <IconButton icon="plus" className="only-narrow" label={text.rooms.new} onClick={startChat} />
      </header>
      {!isOnline.value && <p class="banner" role="status">{text.offline}</p>}
      {isEmpty ? <Welcome /> : failure.value ? <Unavailable /> : shown.value || outgoing.value ? <Messages key={id} /> : <Opening />}
      <Composer />
    </main>
  );
}

const editInstructions = (id: string | null) => id && (dialog.value = { kind: "instructions", room: id });

const instructionsCommand = (id: string) => ({ label: text.instructions.menu, icon: "tune", run: () => void editInstructions(id) }) as const;

function Welcome() {
  const choose = (starter: string) => {
    composerText.value = starter;
    writeDraft(null, starter);
    focusComposer();
  };
  return (
    <div class="welcome">
      <Mark />
      <h2>{text.chat.greeting(account.value?.name.split(" ")[0] ?? "")}</h2>
      <ul class="starters">
        {text.chat.starters.map((starter) => (
          <li key={starter}>
            <button type="button" onClick={() => choose(starter)}>{starter}</button>
          </li>
        ))}
      </ul>
    </div>
  );
}

const Unavailable = () => (
  <div class="welcome">
    <p class="failure" role="alert">{failure.value}</p>
    <button type="button" class="secondary" onClick={() => void reload()}>{text.tryAgain}</button>
  </div>
);

const Opening = () => (
  <div class="messages" aria-label={text.loading}>
    <div class="column skeleton">
      <i /><i /><i />
    </div>
  </div>
);
