// Failures in plain words: what happened, and what to do next.

import { ApiProblem, Unreachable } from "chat-backend-client";

import type { ErrorCode, FinishReason, ProblemCode } from "../api/types.ts";

const again = "Try again in a moment.";
const operator = "The operator of this service must fix this. Try again later.";

/** By the stable code of a refusal. Null: the sentence of the service names the field and the reason. */
export const problems: Record<ProblemCode, string | null> = {
  validation_failed: null,
  malformed_request: "The service could not read the request. Reload the page and try again.",
  unsupported_media_type: "The service could not read the request. Reload the page and try again.",
  method_not_allowed: "The service does not know this request. Reload the page and try again.",
  route_not_found: "The service does not know this request. Reload the page and try again.",
  idempotency_key_reused: "This was sent before with another text. Reload the page and try again.",
  body_too_large: "This is too long. Shorten it and try again.",
  invalid_code: "The code is wrong, was used or has expired. Check it, or request a new one.",
  wrong_password: "The password is wrong.",
  invalid_credentials: "The mobile number or the password is wrong.",
  not_authenticated: "Your session has ended. Sign in again.",
  session_ended: "Your session has ended. Sign in again.",
  invalid_refresh_token: "Your session has ended. Sign in again.",
  forbidden: "You may not do this.",
  account_suspended: "This account is suspended. You can still export your data, delete the account and sign out. For anything else, contact the operator of this service.",
  not_found: "It does not exist any more.",
  own_account: "You cannot do this with your own account.",
  parent_not_found: "The chat has changed in another window. Send the message again.",
  wrong_state: "The message has changed meanwhile. The chat is shown anew.",
  request_in_flight: "The request is still in progress. Try again in a moment.",
  rate_limited: "There were too many requests.",
  code_sent_recently: "A code was sent less than a minute ago.",
  code_limit_reached: "Too many codes were requested.",
  too_many_attempts: "There were too many wrong passwords.",
  daily_quota_exhausted: "Today's messages are used up.",
  spend_cap_reached: "The service has reached its limit for today.",
  signups_paused: "New accounts cannot be created at the moment.",
  sending_paused: "Messages are not accepted at the moment.",
  model_paused: "The model is not available at the moment.",
  sms_paused: "Codes cannot be sent at the moment.",
  no_subscription: "There is no subscription.",
  no_customer: "There are no invoices yet.",
  already_subscribed: "You have Pro already.",
  payment_due: "There is an unpaid invoice. Pay it under Invoices and payment details.",
  payment_pending: "A payment is in progress. Complete it on its page, or wait for a day until it expires.",
  subscription_unresolved: "There is a subscription that the operator of this service must check first.",
  subscription_not_changeable: "This subscription cannot be changed here. Contact the operator of this service.",
  portal_not_available: "The page for payments is not available. Contact the operator of this service.",
  checkout_not_available: "The page for the payment is not available. Contact the operator of this service.",
  checkout_changed: "A payment is in progress on another page. Complete it there.",
  price_not_offered: "This price is not offered any more. Reload the page and try again.",
  redirect_not_allowed: "This address is not set up for payments. Contact the operator of this service.",
  invalid_signature: "The request was not signed.",
  model_not_in_plan: "Your plan does not include this model. Choose another one.",
  unavailable: "The service is not available at the moment.",
  internal: "Something went wrong in the service.",
};

/** Why a message was not answered. */
export const reasons: Record<ErrorCode, string> = {
  gemini_overloaded: "The model is overloaded. Try again in a few minutes.",
  gemini_quota: "The model has no capacity left for this service. Try again later.",
  gemini_billing: `The model refuses requests of this service. ${operator}`,
  gemini_key_refused: `The model refuses requests of this service. ${operator}`,
  no_answer: "The model gave no answer. Rephrase the message, or try again.",
  blocked_by_safety: "The model refused to answer this message. Rephrase it.",
  invalid_request: "The model cannot process this message. Rephrase or shorten it.",
  spend_cap_reached: "The service had reached its limit for the day. Try again tomorrow.",
  timeout: "The model took too long. Try again.",
  internal: `Something went wrong in the service. ${again}`,
};

/** Why an answer is incomplete. Null: it is complete, or nothing is known. */
export const endings: Record<FinishReason, string | null> = {
  stop: null,
  max_tokens: "The answer reached the maximum length and is incomplete. Ask the model to continue.",
  max_time: "The answer took too long and is incomplete. Ask the model to continue.",
  safety: "The model stopped for safety reasons. The answer is incomplete.",
  recitation: "The model stopped because the text repeats a published one. The answer is incomplete.",
  cancelled: "You stopped this answer.",
  other: "The model stopped early. The answer is incomplete.",
};

export const unreachable = "The service cannot be reached. Check your connection and try again.";
export const offline = "You are offline. Try again when the connection is back.";

export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

export const clockTime = (time: string | number): string =>
  new Date(time).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });

/** What a person reads about a failure. */
export function words(error: unknown): string {
  if (error instanceof Unreachable) return navigator.onLine ? unreachable : offline;
  if (!(error instanceof ApiProblem)) return `Something went wrong on this page. Reload it. (${String(error)})`;
  const { body, retryAfter, status } = error;
  // A newer service may have further codes.
  const known = (problems as Partial<Record<string, string | null>>)[body.code ?? ""];
  const said = known ?? (body.errors?.length ? body.errors.map(field).join(" ") : body.detail) ?? `The service answered ${status}.`;
  if (body.code === "daily_quota_exhausted" && body.resets_at) return `${said} New messages from ${clockTime(body.resets_at)}.`;
  if (retryAfter && (status === 429 || status === 503)) return `${said} Try again in ${duration(retryAfter)}.`;
  if (status === 500) return `${said} ${again} If it happens again, report ${body.request_id ?? "it"}.`;
  return said;
}

/** `new_password: is too short` as a sentence. */
function field(error: string): string {
  const sentence = error.replace(/^([a-z_]+): /, (_, name: string) => `${name.replaceAll("_", " ")}: `);
  const capital = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
