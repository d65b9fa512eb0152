import { KaziError } from '../core/errors.ts';

/** Which part of a list a client asks for. */
export interface PageRequest {
  readonly isNewestFirst: boolean;
  readonly limit: number;
  /** Ids of entries; only what comes after, and before, them in the asked order. */
  readonly after: string | null;
  readonly before: string | null;
}

/** The same by places, which grow with time. */
export interface PageStretch<Place> {
  readonly above: Place | null;
  readonly below: Place | null;
  readonly isNewestFirst: boolean;
  readonly limit: number;
}

export interface Paging<Item, Place> {
  readonly request: PageRequest;
  /** Throws UNKNOWN_REFERENCE. */
  readonly placeOf: (id: string) => Promise<Place>;
  readonly list: (stretch: PageStretch<Place>) => Promise<Item[]>;
  /** Negative when the first comes earlier. */
  readonly compare: (one: Place, other: Place) => number;
}

/**
 * A page in the asked order. With `before` alone it is the one next to that entry, so that clients can page backwards.
 * Throws UNKNOWN_REFERENCE, and REVERSED_REFERENCES where nothing can be between the two.
 */
export const readPlacedPage = async <Item, Place>(paging: Paging<Item, Place>): Promise<Item[]> => {
  const { request, placeOf, list, compare } = paging;
  const { isNewestFirst, limit } = request;
  const after = request.after === null ? null : await placeOf(request.after);
  const before = request.before === null ? null : await placeOf(request.before);
  if (after !== null && before !== null && compare(after, before) * (isNewestFirst ? -1 : 1) >= 0)
    throw new KaziError('REVERSED_REFERENCES');
  const [above, below] = isNewestFirst ? [before, after] : [after, before];
  // Nearest to `before` first, then turned round.
  const isBackwards = before !== null && after === null;
  const items = await list({ above, below, isNewestFirst: isNewestFirst !== isBackwards, limit });
  return isBackwards ? items.toReversed() : items;
};

const FIRST = 0;
const LAST = Number.MAX_SAFE_INTEGER;

/** The same for lists whose places are numbers. */
export const readPage = async <Item>(
  paging: Omit<Paging<Item, number>, 'compare' | 'list'> & {
    readonly list: (stretch: {
      readonly above: number;
      readonly below: number;
      readonly isNewestFirst: boolean;
      readonly limit: number;
    }) => Promise<Item[]>;
  },
): Promise<Item[]> =>
  await readPlacedPage<Item, number>({
    ...paging,
    compare: (one, other) => one - other,
    list: async ({ above, below, ...rest }) =>
      await paging.list({ ...rest, above: above ?? FIRST, below: below ?? LAST }),
  });
