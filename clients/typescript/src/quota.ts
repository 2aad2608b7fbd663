// What is left of today's messages, which the service tells with each accepted one.

import type { Usage } from "./generated/types.gen.ts";

/**
 * The quota in the headers of a response to a sent, edited, regenerated or retried message; null in
 * others.
 */
export function quotaOf({ headers }: Response): Usage | null {
  const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((name) => headers.get(`x-quota-${name}`));
  if (!limit || !remaining || !reset) return null;
  return {
    daily_message_limit: Number(limit),
    remaining_messages: Number(remaining),
    daily_messages_used: Number(limit) - Number(remaining),
    resets_at: new Date(Number(reset) * 1000).toISOString(),
  };
}
