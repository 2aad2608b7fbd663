// The account that is signed in: profile, today's usage, plan and models.

import { signal } from "@preact/signals";
import { Unreachable } from "chat-backend-client";

import * as api from "../api/api.ts";
import { begin, end, session } from "../api/session.ts";
import type { Model, Plan, Subscription, Usage, User } from "../api/types.ts";
import { words } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { dialog, go, isListOpen, notify } from "./ui.ts";

export const account = signal<api.Account | null>(null);
export const usage = signal<Usage | null>(null);
export const subscription = signal<Subscription | null>(null);
export const plans = signal<Plan[] | null>(null);
/** Null if the service offers no choice. */
export const models = signal<Model[] | null>(null);
/** Shown above the forms for signing in. */
export const doorNotice = signal<string | null>(null);

export async function loadAccount(): Promise<void> {
  const found = await api.getAccount();
  account.value = found.user;
  usage.value = found.usage;
}

export async function loadSubscription(): Promise<void> {
  subscription.value = await api.getSubscription();
}

export async function loadPlans(): Promise<void> {
  plans.value ??= await api.listPlans();
}

/** A service without models answers 404 or 400. */
export async function loadModels(): Promise<void> {
  models.value = await api.listModels().then(
    (found) => (found.length > 1 ? found : null),
    () => null,
  );
}

export function setUsage(found: Usage | null): void {
  if (found) usage.value = found;
}

export function enter(issued: { token: string; refresh_token: string; expires_in: number; user: User }, isRemembered: boolean): void {
  doorNotice.value = null;
  begin(issued, issued.user.id, isRemembered);
}

let isLeaving = false;

/** Removes everything of the account from the page. */
export function forget(): void {
  if (account.value && !isLeaving) doorNotice.value = text.door.sessionEnded;
  isLeaving = false;
  account.value = usage.value = subscription.value = models.value = dialog.value = null;
  isListOpen.value = false;
  go(null, true);
}

/** What to finish while the session is open. */
export const beforeLeaving = new Set<() => void>();

/** Signs out here first, so that it works without a connection. */
export async function leave(): Promise<void> {
  for (const finish of beforeLeaving) finish();
  const token = session.value?.token;
  isLeaving = true;
  end();
  await api.signOut("this", token).catch((error: unknown) => {
    if (error instanceof Unreachable) doorNotice.value = text.door.signedOutOffline;
  });
}

export async function deleteAccount(password: string): Promise<void> {
  await api.deleteAccount(password);
  isLeaving = true;
  end();
  doorNotice.value = text.door.deleted;
}

/** Runs `work` and shows its failure. Returns whether it succeeded. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (session.value) notify(words(error), true);
    return false;
  }
}

const returnUrl = () => location.origin + location.pathname;

export async function upgrade(): Promise<void> {
  location.assign(await api.openCheckout(`${returnUrl()}?paid`, returnUrl()));
}

export async function openPortal(): Promise<void> {
  location.assign(await api.openPortal(returnUrl()));
}

/** Stripe's webhook may arrive a moment after the user returns from the checkout page. */
export async function waitForPro(): Promise<void> {
  for (let wait = 250; wait < 15_000; wait *= 1.6) {
    await loadSubscription();
    if (subscription.value?.tier === "pro") {
      await loadAccount();
      return notify(text.plan.welcome);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
