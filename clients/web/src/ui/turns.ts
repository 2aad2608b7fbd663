// Work that may wait, in a task of its own each, so that the page reacts to its user between them.

const waiting: (() => void)[] = [];

function next(): void {
  waiting.pop()?.();
  if (waiting.length > 0) setTimeout(next);
}

/** Runs `work` before what waits already: the newest message is the one that is read. Returns a function that cancels it. */
export function inTurn(work: () => void): () => void {
  waiting.push(work);
  if (waiting.length === 1) setTimeout(next);
  return () => {
    const place = waiting.indexOf(work);
    if (place >= 0) waiting.splice(place, 1);
  };
}
