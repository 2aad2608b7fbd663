// Long chats in chunks: those far from the view are an empty box of the same height.

import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Message } from "../api/types.ts";
import { group } from "./grouping.ts";

/** Shorter chats are complete, so that the browser finds every word in them. */
const MIN_MESSAGES = 400;
/** How far around the view chunks are complete. */
const MARGIN = "2000px 0px";

export interface Item {
  message: Message;
  views: (VNode | undefined | false)[];
}

interface ChunksProps {
  items: Item[];
  box: { current: HTMLElement | null };
  /** A message that must be complete, because it is scrolled to. */
  wanted: string | null;
}

export function Chunks({ items, box, wanted }: ChunksProps) {
  const anchor = useRef<string | null>(null);
  const known = useRef(new Map<number, { items: Item[]; view: VNode }>());
  if (items.length < MIN_MESSAGES) return <>{items.flatMap((item) => item.views)}</>;
  const { groups, anchor: next } = group(items, anchor.current);
  anchor.current = next;
  return (
    <>
      {groups.map((part) => {
        const isWanted = part.items.some(({ message }) => message.id === wanted);
        const before = known.current.get(part.key);
        if (before && !isWanted && isSame(before.items, part.items)) return before.view;
        const view = (
          <Chunk key={`chunk-${part.key}`} box={box} isWanted={isWanted}>
            {part.items.flatMap((item) => item.views)}
          </Chunk>
        );
        if (isWanted) known.current.delete(part.key);
        else known.current.set(part.key, { items: part.items, view });
        return view;
      })}
    </>
  );
}

const isSame = (before: Item[], now: Item[]): boolean =>
  before.length === now.length && before.every(({ views }, index) => views.every((view, place) => view === now[index]!.views[place]));

interface ChunkProps {
  box: { current: HTMLElement | null };
  isWanted: boolean;
  children: (VNode | undefined | false)[];
}

function Chunk({ box, isWanted, children }: ChunkProps) {
  const place = useRef<HTMLDivElement>(null);
  /** Null: complete. */
  const [height, setHeight] = useState<number | null>(null);
  useEffect(() => {
    const changed = ([entry]: IntersectionObserverEntry[]) => setHeight(entry!.isIntersecting ? null : entry!.boundingClientRect.height);
    const observer = new IntersectionObserver(changed, { root: box.current, rootMargin: MARGIN });
    observer.observe(place.current!);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (isWanted) setHeight(null);
  }, [isWanted]);
  const isHidden = height !== null && !isWanted;
  return <div ref={place} class="chunk" style={isHidden ? { height: `${height}px` } : { height: "" }}>{isHidden ? null : children}</div>;
}
