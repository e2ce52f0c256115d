import { BackupDataError } from '../../shared/errors.ts';

/** What an item is sorted by. */
export type SortKey = readonly string[];

/**
 * Sorts items, and gives the part of them that a request asks for. `after` names the last item of the page before by its key, so
 * that items that came or went meanwhile neither repeat nor hide others.
 */
export function pageOf<Item>(options: {
  items: readonly Item[];
  keyOf: (item: Item) => SortKey;
  order: (a: SortKey, b: SortKey) => number;
  limit: number | undefined;
  after: string | undefined;
}): { page: Item[]; next: string | null } {
  const { keyOf, order, limit, after } = options;
  const last = after === undefined ? undefined : decodeCursor(after);
  const rest = options.items
    .map((item) => ({ item, key: keyOf(item) }))
    .filter(({ key }) => last === undefined || order(key, last) > 0)
    .sort((a, b) => order(a.key, b.key));
  const page = rest.slice(0, limit);
  const end = page.at(-1);
  return {
    page: page.map(({ item }) => item),
    next: end === undefined || page.length === rest.length ? null : encodeCursor(end.key),
  };
}

/** The same of a list that stays in its order, such as that of the configuration. */
export function pageInOrder<Item>({
  items,
  ...asked
}: {
  items: readonly Item[];
  limit: number | undefined;
  after: string | undefined;
}): { page: Item[]; next: string | null } {
  const { page, next } = pageOf({
    items: items.map((item, place) => ({ item, place })),
    keyOf: ({ place }) => [String(place)],
    order: (a, b) => placeIn(a) - placeIn(b),
    ...asked,
  });
  return { page: page.map(({ item }) => item), next };
}

function placeIn([place = '']: SortKey): number {
  if (/^\d{1,15}$/.test(place)) return Number(place);
  throw badCursor();
}

function encodeCursor(key: SortKey): string {
  return Buffer.from(key.join('\n')).toString('base64url');
}

function decodeCursor(cursor: string): SortKey {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (Buffer.from(text).toString('base64url') === cursor) return text.split('\n');
  throw badCursor();
}

/** For an order that cannot read the key of a cursor. */
export function badCursor(): BackupDataError {
  return new BackupDataError('USAGE', 'the page to go on from is not one that this service gave', {
    hint: 'Give `after` the `next` of the page before, as it is; leave it out for the first page.',
  });
}
