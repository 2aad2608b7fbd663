// Waiting that ends at once when the caller aborts.

/** Rejects with the signal's reason when it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const waited = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  return orAbort(waited, signal).finally(() => clearTimeout(timer));
}

/** `work`, unless the signal aborts first. The work itself goes on. */
export function orAbort<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * The milliseconds before the repetition after `failures` failures. Spread, so that clients do not
 * return together.
 */
export const backoff = (failures: number, maxMs: number): number =>
  Math.min(500 * 2 ** failures, maxMs) * (0.75 + Math.random() / 4);
