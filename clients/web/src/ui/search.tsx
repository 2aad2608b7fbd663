// Searching all chats.

import { useEffect, useRef, useState } from "preact/hooks";

import * as api from "../api/api.ts";
import type { SearchResult } from "../api/types.ts";
import { words } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { openAt } from "../state/conversation.ts";
import { attempt } from "../state/account.ts";
import { dialog } from "../state/ui.ts";
import { mark, withoutMarks } from "./highlighted.ts";
import { isSendKey } from "./keys.ts";
import { found } from "./messages.tsx";
import { Failure, Modal } from "./parts.tsx";

const TYPING_MS = 250;

interface State {
  query: string;
  results: SearchResult[];
  cursor: string | null;
  failure: string | null;
  isLoading: boolean;
}

const empty: State = { query: "", results: [], cursor: null, failure: null, isLoading: false };

export function Search() {
  const [query, setQuery] = useState("");
  const [state, setState] = useState(empty);
  const [chosen, setChosen] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const close = () => (dialog.value = null);

  const load = async (words_: string, cursor: string | null, signal: AbortSignal) => {
    setState((before) => ({ ...before, isLoading: true, failure: null }));
    try {
      const page = await api.search(words_, cursor, signal);
      setState((before) => ({
        query: words_,
        results: cursor ? [...before.results, ...page.items] : page.items,
        cursor: page.next_cursor ?? null,
        failure: null,
        isLoading: false,
      }));
      if (!cursor) setChosen(0);
    } catch (error) {
      if (!signal.aborted) setState({ ...empty, failure: words(error) });
    }
  };
  useEffect(() => {
    const cleaned = query.trim();
    const controller = new AbortController();
    if (!cleaned) return setState(empty);
    const timer = setTimeout(() => void load(cleaned, null, controller.signal), TYPING_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [query]);

  const openResult = (result: SearchResult | undefined) => {
    if (!result) return;
    close();
    void attempt(async () => {
      const isShown = await openAt(result.chatroom_id, result.message_id);
      if (isShown) found.value = result.message_id;
    });
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const next = Math.max(0, Math.min(state.results.length - 1, chosen + step));
      setChosen(next);
      list.current?.children[next]?.scrollIntoView({ block: "nearest" });
    }
    if (isSendKey(event)) openResult(state.results[chosen]);
  };
  return (
    <Modal title={text.search.title} className="search" onClose={close}>
      <input id="search-text" type="text" autoFocus enterkeyhint="search" maxLength={200} aria-label={text.search.title} placeholder={text.search.placeholder} value={query}
        aria-controls="search-results" dir="auto"
        onInput={(event) => setQuery(event.currentTarget.value)} onKeyDown={press} />
      <Failure of={state.failure} />
      <p class="hint" role="status">
        {!query.trim() ? text.search.hint : state.isLoading && state.results.length === 0 ? text.loading
          : state.results.length === 0 && !state.cursor && state.query === query.trim() ? text.search.none(query.trim())
          : state.results.length > 0 ? text.search.count(state.results.length) : null}
      </p>
      <ul ref={list} id="search-results" class="results">
        {state.results.map((result, index) => (
          <li key={result.message_id}>
            <button type="button" class={index === chosen ? "is-chosen" : ""} onClick={() => openResult(result)}>
              <span class="result-head">
                <strong dir="auto">{result.chatroom_name || text.rooms.untitled}</strong>
                <span>{result.message_type === "user" ? text.search.you : text.search.answer} · {new Date(result.created_at).toLocaleDateString(undefined, { dateStyle: "medium" })}</span>
              </span>
              <span class="snippet" dir="auto">
                {mark(withoutMarks(result.snippet), state.query).map((part, place) => (part.isHit ? <mark key={place}>{part.text}</mark> : part.text))}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {state.cursor && (
        <button type="button" class="secondary" disabled={state.isLoading} onClick={() => void load(state.query, state.cursor, new AbortController().signal)}>{text.more}</button>
      )}
    </Modal>
  );
}
