// The list of chats, and the account below it.

import { useEffect, useRef } from "preact/hooks";

import type { Room } from "../api/types.ts";
import { clockTime } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { account, attempt, leave, subscription, upgrade, usage } from "../state/account.ts";
import { openId } from "../state/conversation.ts";
import { deleteWithUndo } from "../state/deletion.ts";
import { failure, group, hasMore, isLoaded, loadRooms, nameOf, rooms } from "../state/rooms.ts";
import { dialog, focusComposer, go, isListOpen } from "../state/ui.ts";
import { Icon, Mark } from "./icons.tsx";
import { IconButton, Menu, type MenuItem } from "./parts.tsx";

export function startChat(): void {
  go(null);
  focusComposer();
}

export function Sidebar() {
  return (
    <>
      <div class={`scrim ${isListOpen.value ? "is-shown" : ""}`} onClick={() => (isListOpen.value = false)} />
      <nav class={`sidebar ${isListOpen.value ? "is-open" : ""}`} aria-label={text.rooms.title}>
        <header class="sidebar-head">
          <Mark />
          <strong>{text.product}</strong>
          <IconButton icon="close" className="only-narrow" label={text.rooms.hide} onClick={() => (isListOpen.value = false)} />
        </header>
        <div class="sidebar-actions">
          <button type="button" id="new-chat" onClick={startChat}>
            <Icon name="plus" /> {text.rooms.new}
          </button>
          <button type="button" id="open-search" onClick={() => (dialog.value = { kind: "search" })}>
            <Icon name="search" /> {text.rooms.search} <kbd>Ctrl K</kbd>
          </button>
        </div>
        <RoomList />
        <AccountCorner />
      </nav>
    </>
  );
}

function RoomList() {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!hasMore.value || !end.current) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && void loadRooms(true), { rootMargin: "300px" });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [hasMore.value, rooms.value.length]);
  return (
    <div class="rooms" id="rooms">
      {failure.value && (
        <p class="failure" role="alert">
          {failure.value} <button type="button" class="link" onClick={() => void loadRooms()}>{text.tryAgain}</button>
        </p>
      )}
      {!isLoaded.value && !failure.value && <Skeleton />}
      {isLoaded.value && rooms.value.length === 0 && <p class="hint">{text.rooms.none}</p>}
      {group(rooms.value, new Date()).map(({ label, rooms }) => (
        <section key={label}>
          <h2>{label}</h2>
          <ul>
            {rooms.map((room) => (
              <RoomLine key={room.id} room={room} />
            ))}
          </ul>
        </section>
      ))}
      {hasMore.value && <div ref={end} class="hint">{text.loading}</div>}
    </div>
  );
}

const Skeleton = () => (
  <div class="skeleton" aria-label={text.loading}>
    {[1, 2, 3, 4, 5].map((line) => (
      <i key={line} />
    ))}
  </div>
);

function RoomLine({ room }: { room: Room }) {
  const isOpen = room.id === openId.value;
  const open = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    go(room.id);
  };
  return (
    <li class={isOpen ? "is-open" : ""}>
      <a href={`#/chat/${room.id}`} aria-current={isOpen ? "page" : undefined} title={nameOf(room)} dir="auto" onClick={open}>{nameOf(room)}</a>
      <Menu label={text.rooms.menu(nameOf(room))} items={roomCommands(room)} />
    </li>
  );
}

export const roomCommands = (room: Pick<Room, "id" | "name">): MenuItem[] => [
  { label: text.rooms.rename, icon: "edit", run: () => (dialog.value = { kind: "rename", room: room.id }) },
  { label: text.rooms.delete, icon: "trash", className: "danger", run: () => (deleteWithUndo(room), focusComposer()) },
];

function AccountCorner() {
  const canUpgrade = subscription.value?.tier === "basic" && !subscription.value.required_action;
  const items: MenuItem[] = [
    { label: text.menu.settings, icon: "person", className: "open-settings", run: () => (dialog.value = { kind: "settings", page: "account" }) },
    ...(canUpgrade ? [{ label: text.menu.upgrade, icon: "star", run: () => void attempt(upgrade) } as const] : []),
    { label: text.menu.signOut, icon: "out", className: "sign-out", run: () => void leave() },
  ];
  return (
    <footer class="corner">
      <UsageMeter />
      <Menu label={text.menu.account} className="corner-button" items={items}>
        <span class="avatar" aria-hidden="true">{account.value?.name.trim().charAt(0).toUpperCase()}</span>
        <span class="corner-name" id="account-name">{account.value?.name ?? text.loading}</span>
        <span class="badge">{account.value?.subscription_tier === "pro" ? text.plan.pro : text.plan.basic}</span>
      </Menu>
    </footer>
  );
}

export function UsageMeter() {
  const now = usage.value;
  if (!now) return null;
  const isLow = now.remaining_messages <= Math.max(1, now.daily_message_limit * 0.1);
  return (
    <div class={`usage ${isLow ? "is-low" : ""}`} id="usage">
      <span>{now.remaining_messages > 0 ? text.usage.left(now.remaining_messages, now.daily_message_limit) : text.usage.none}</span>
      <meter aria-label={text.usage.meter} min={0} max={now.daily_message_limit} value={Math.min(now.daily_messages_used, now.daily_message_limit)} />
      {isLow && <span>{text.usage.resets(clockTime(now.resets_at))}</span>}
    </div>
  );
}
