// `Retry-After`: a number of seconds, or a date (RFC 9110, section 10.2.3).

/** The milliseconds to wait, at least 0; null if the response does not say. */
export function retryAfterMs(headers: Headers, now = Date.now()): number | null {
  const value = headers.get("retry-after")?.trim();
  if (!value) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  // A date is relative to the clock of the service.
  const clock = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(date) ? null : Math.max(0, date - (Number.isNaN(clock) ? now : clock));
}
