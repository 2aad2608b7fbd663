// Marks the words of a search in a snippet, as the search finds them: without case and accents, by their beginnings.

export interface Part {
  text: string;
  isHit: boolean;
}

const SCRIPTS_WITHOUT_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** A snippet of an answer without marks of markdown, which would be shown as they are. */
export const withoutMarks = (snippet: string): string =>
  snippet.replace(/\*\*|`+|^#{1,6} |^> |\|(?:[ :-]+\|)+|\|/gm, " ").replace(/\s+/g, " ").trim();

const fold = (value: string) => value.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** The words that a query looks for: not those after a minus, nor `OR`. */
export function wordsOf(query: string): string[] {
  const terms = query.match(/-?"[^"]*"|\S+/g) ?? [];
  const wanted = terms.filter((term) => !term.startsWith("-") && term !== "OR");
  return wanted.flatMap((term) => fold(term).match(/[\p{L}\p{N}]+/gu) ?? []);
}

export function mark(snippet: string, query: string): Part[] {
  const words = wordsOf(query);
  // Folding changes lengths, so each character remembers where it came from.
  const places: number[] = [];
  let folded = "";
  let place = 0;
  for (const character of snippet) {
    const plain = fold(character);
    for (let index = 0; index < plain.length; index += 1) places.push(place);
    folded += plain;
    place += character.length;
  }
  places.push(snippet.length);

  const isHit = new Uint8Array(snippet.length);
  for (const word of words) {
    for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + word.length)) {
      const isBeginning = at === 0 || !/[\p{L}\p{N}]/u.test(folded[at - 1]!);
      if (isBeginning || SCRIPTS_WITHOUT_SPACES.test(word)) isHit.fill(1, places[at], places[at + word.length]);
    }
  }
  const parts: Part[] = [];
  let start = 0;
  for (let index = 1; index <= snippet.length; index += 1) {
    if (index < snippet.length && isHit[index] === isHit[start]) continue;
    parts.push({ text: snippet.slice(start, index), isHit: isHit[start] === 1 });
    start = index;
  }
  return snippet ? parts : [];
}
