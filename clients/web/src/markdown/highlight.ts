// Highlights code with a library that is loaded when the first code block is shown.

import { signal } from "@preact/signals";

type Library = typeof import("./languages.ts").default;

/** Longer code is shown without colours, because it is highlighted anew with each part that arrives. */
const MAX_LENGTH = 20_000;

const library = signal<Library | null>(null);
let loading: Promise<void> | null = null;

/** HTML with the colours of `language`; null if there are none, or not yet. Reading it subscribes to their arrival. */
export function highlight(code: string, language: string): string | null {
  if (!language || code.length > MAX_LENGTH) return null;
  if (!library.value) {
    loading ??= import("./languages.ts").then(
      (loaded) => void (library.value = loaded.default),
      () => void (loading = null),
    );
    return null;
  }
  if (!library.value.getLanguage(language)) return null;
  return library.value.highlight(code, { language, ignoreIllegals: true }).value;
}
