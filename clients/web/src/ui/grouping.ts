// Groups of the messages of a long chat.

const SIZE = 40;

interface Group<T> {
  key: number;
  items: T[];
}

/**
 * Groups messages from a fixed one on, so that older messages above leave the groups as they are. Returns the
 * id of the message to group from the next time.
 */
export function group<T extends { message: { id: string } }>(items: T[], anchor: string | null): { groups: Group<T>[]; anchor: string | null } {
  const start = Math.max(0, items.findIndex(({ message }) => message.id === anchor));
  const groups: Group<T>[] = [];
  items.forEach((item, index) => {
    const key = Math.floor((index - start) / SIZE);
    if (groups.at(-1)?.key !== key) groups.push({ key, items: [] });
    groups.at(-1)!.items.push(item);
  });
  return { groups, anchor: items[start]?.message.id ?? null };
}
