// The whole page: the door, or the chats.

import { untracked, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { session } from "../api/session.ts";
import { text } from "../catalogue/text.ts";
import { attempt, forget, loadAccount, loadModels, loadSubscription, waitForPro } from "../state/account.ts";
import { close, open, reloadIfOld, stop, unfinished } from "../state/conversation.ts";
import { clearRooms, loadRooms } from "../state/rooms.ts";
import { announcement, dialog, dismissNotice, notice, notify, route } from "../state/ui.ts";
import { Chat } from "./chat.tsx";
import { composerText } from "./composer.tsx";
import { Dialogs } from "./dialogs.tsx";
import { Door } from "./door.tsx";
import { isComposing } from "./keys.ts";
import { prepareMarkdown } from "./markdown.tsx";
import { IconButton } from "./parts.tsx";
import { Sidebar, startChat } from "./sidebar.tsx";

const PAID = "?paid";
/** A window that was hidden for longer loads its chat anew. */
const STALE_MS = 20_000;

export function App() {
  const isIn = session.value !== null;
  useEffect(() => {
    if (!isIn) return clear();
    void attempt(() => Promise.all([loadAccount(), loadSubscription()]));
    void loadRooms();
    void loadModels();
    prepareMarkdown();
    if (location.search === PAID) {
      history.replaceState(null, "", location.pathname + location.hash);
      notify(text.plan.confirming);
      void attempt(waitForPro);
    }
  }, [isIn]);
  return (
    <>
      {isIn ? <Home /> : <Door />}
      <Toast />
      <p class="unseen" aria-live="polite">{announcement.value}</p>
    </>
  );
}

/** Nothing of an account stays on the page after it. */
function clear(): void {
  close();
  clearRooms();
  composerText.value = "";
  announcement.value = "";
  document.title = text.product;
  forget();
}

function Home() {
  useSignalEffect(() => {
    const room = route.value;
    // What `open` reads must not open the chat once more when it changes.
    untracked(() => void open(room));
  });
  useEffect(() => {
    const visible = () => {
      if (document.visibilityState !== "visible") return;
      reloadIfOld(STALE_MS);
      void loadRooms();
    };
    document.addEventListener("visibilitychange", visible);
    document.addEventListener("keydown", press);
    return () => {
      document.removeEventListener("visibilitychange", visible);
      document.removeEventListener("keydown", press);
    };
  }, []);
  return (
    <div class="home">
      <a class="skip" href="#composer-text" onClick={(event) => (event.preventDefault(), document.getElementById("composer-text")?.focus())}>{text.skip}</a>
      <Sidebar />
      <Chat />
      <Dialogs />
    </div>
  );
}

function press(event: KeyboardEvent): void {
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand && event.key.toLowerCase() === "k") {
    event.preventDefault();
    dialog.value = { kind: "search" };
  } else if (isCommand && event.shiftKey && event.key.toLowerCase() === "o") {
    event.preventDefault();
    startChat();
  } else if (event.key === "Escape" && !isComposing(event) && !event.defaultPrevented && !isCovered() && unfinished.value) {
    void stop();
  }
}

/** Whether Esc closes a window or a menu first. */
const isCovered = (): boolean => dialog.value !== null || document.querySelector(".menu:popover-open") !== null;

function Toast() {
  const now = notice.value;
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    // Shown anew, it is above a window that was opened meanwhile.
    if (place.current?.matches(":popover-open")) place.current.hidePopover();
    if (now) place.current?.showPopover();
  }, [now]);
  return (
    <div ref={place} popover="manual" class="toast-place" role={now?.isFailure ? "alert" : "status"}>
      {now && (
        <div class={`toast ${now.isFailure ? "is-failure" : ""}`}>
          <span>{now.text}</span>
          {now.action && <button type="button" class="toast-action" onClick={now.action.run}>{now.action.label}</button>}
          <IconButton icon="close" label={text.close} onClick={dismissNotice} />
        </div>
      )}
    </div>
  );
}
