// Highlights code with a library that is loaded when the first code block is shown.

import { computed, signal } from "@preact/signals";

type Library = Pick<typeof import("./languages.ts"), "highlight">;

/** Longer code is shown without colours, because it is highlighted anew with each part that arrives. */
const MAX_LENGTH = 20_000;

const library = signal<Library | null>(null);
/** Whether the library has arrived. */
export const isHighlighting = computed(() => library.value !== null);
let loading: Promise<void> | null = null;

/** HTML with the colours of `language`; null if there are none, or not yet. */
export function highlight(code: string, language: string): string | null {
  if (!language || code.length > MAX_LENGTH) return null;
  const loaded = library.peek();
  if (!loaded) {
    loading ??= import("./languages.ts").then(
      (arrived) => void (library.value = arrived),
      () => void (loading = null),
    );
    return null;
  }
  return loaded.highlight(code, language);
}
