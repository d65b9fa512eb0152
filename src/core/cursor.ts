import { KaziError } from './errors.ts';

type FieldKind = 'integer' | 'text';
type Fields = Readonly<Record<string, FieldKind>>;
type Position<F extends Fields> = { readonly [K in keyof F]: F[K] extends 'integer' ? number : string };

/** The paging cursor of one list. Clients must treat its text as opaque. */
export interface Cursor<F extends Fields> {
  readonly encode: (position: Position<F>) => string;
  /** Throws INVALID_CURSOR for any text that `encode` of the same list did not make. */
  readonly decode: (text: string) => Position<F>;
}

const SHOWN_LENGTH = 80;

/**
 * A cursor holds the sort key of the last row that the client saw. The list's name is part of it, so that a cursor of
 * another list is refused instead of silently misread. It carries no authority: the page's query still filters by owner.
 */
export const defineCursor = <const F extends Fields>(list: string, fields: F): Cursor<F> => {
  const names = Object.keys(fields);
  const encode = (position: Position<F>): string =>
    Buffer.from(JSON.stringify([list, ...names.map((name) => position[name])]), 'utf8').toString('base64url');
  const decode = (text: string): Position<F> => {
    const values = parseValues(text);
    const isValid =
      values?.length === names.length + 1 &&
      values[0] === list &&
      names.every((name, index) => matches(values[index + 1], fields[name]));
    if (!isValid) throw invalidCursor(text);
    // The check above has just proven each value to be of its field's kind.
    const position = Object.fromEntries(names.map((name, index) => [name, values[index + 1]])) as Position<F>;
    // One position has one spelling: everything else was tampered with or cut.
    if (encode(position) !== text) throw invalidCursor(text);
    return position;
  };
  return { encode, decode };
};

const matches = (value: unknown, kind: FieldKind | undefined): boolean =>
  kind === 'integer' ? Number.isSafeInteger(value) : typeof value === 'string';

const parseValues = (text: string): readonly unknown[] | null => {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(parsed) ? parsed : null;
  } catch {
    // Not JSON: the caller reports every malformed cursor in one way.
    return null;
  }
};

const invalidCursor = (text: string): KaziError =>
  new KaziError('INVALID_CURSOR', { found: text.slice(0, SHOWN_LENGTH) });
