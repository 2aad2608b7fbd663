// What the page shows beside a chat: windows, notices, announcements, colours, and the address.

import { effect, signal } from "@preact/signals";

export type Settings = "account" | "plan" | "devices" | "appearance" | "data";

export interface Confirmation {
  title: string;
  text: string;
  action: string;
  run(): Promise<void>;
}

export type Dialog =
  | { kind: "search" }
  | { kind: "settings"; page: Settings }
  | { kind: "rename"; room: string }
  | { kind: "instructions"; room: string }
  | { kind: "confirm"; confirmation: Confirmation };

export const dialog = signal<Dialog | null>(null);
export const isListOpen = signal(false);
export const isOnline = signal(navigator.onLine);
addEventListener("online", () => (isOnline.value = true));
addEventListener("offline", () => (isOnline.value = false));

export interface Notice {
  text: string;
  isFailure: boolean;
  action: NoticeAction | null;
}

export interface NoticeAction {
  label: string;
  run(): void;
  /** How long it is offered. */
  duration: number;
}

export const notice = signal<Notice | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

export function notify(text: string, isFailure = false, action: NoticeAction | null = null): void {
  clearTimeout(timer);
  notice.value = { text, isFailure, action };
  timer = setTimeout(() => (notice.value = null), action?.duration ?? (isFailure ? 12_000 : 5_000));
}

export const dismissNotice = (): void => void (notice.value = null);

/** Read aloud by screen readers. Changed once per answer. */
export const announcement = signal("");

export type Theme = "system" | "light" | "dark";
const THEME = "theme";
export const theme = signal<Theme>((localStorage.getItem(THEME) as Theme | null) ?? "system");
effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
  if (theme.value === "system") localStorage.removeItem(THEME);
  else localStorage.setItem(THEME, theme.value);
});

/** The chat in the address; null for a new one. */
export const route = signal<string | null>(readRoute());

function readRoute(): string | null {
  return /^#\/chat\/([\w-]+)$/.exec(location.hash)?.[1] ?? null;
}

addEventListener("hashchange", () => (route.value = readRoute()));

export function go(room: string | null, isReplacement = false): void {
  const address = room ? `#/chat/${room}` : "#/";
  if (isReplacement) history.replaceState(null, "", address);
  else if (location.hash !== address) history.pushState(null, "", address);
  route.value = room;
  isListOpen.value = false;
}
addEventListener("popstate", () => (route.value = readRoute()));

export const focusComposer = (): void => {
  requestAnimationFrame(() => document.getElementById("composer-text")?.focus());
};
