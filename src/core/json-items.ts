const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const ZERO = Buffer.from('0');
const ONE_COMMA = Buffer.from(',');
/** 1 for bytes that mean something outside of texts. */
const MARKS = Uint8Array.from({ length: 256 }, (_, byte) => ('",:{}[]'.includes(String.fromCharCode(byte)) ? 1 : 0));

/** Where an item ends inside a chunk, and what of it came in chunks before. */
interface Listener {
  /** The JSON text of an item, without what stands between items; a view that holds only during the call. */
  readonly onItem: (text: Buffer) => void;
  /** The member was found once more: as with JSON.parse the last one counts, and what was handed over is void. */
  readonly onRestart: () => void;
}

/**
 * Takes the items of one array out of a JSON object that arrives in chunks, so that the whole is never in memory. It
 * judges nothing: each item is for the caller to parse, and what is left, with a 0 for each item, comes back from end().
 * The whole is valid JSON exactly when all of these are. Why not a parser from npm: docs/decisions/0012-batches-are-counted-apart.md.
 */
export class JsonItems {
  readonly #member: string;
  readonly #listener: Listener;
  readonly #rest: Buffer[] = [];
  #item: Buffer[] = [];
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** Depth 1: the text of the newest string, until something else follows it. */
  #name: Buffer[] | null = null;
  /** Its array is the value that comes next. */
  #isNext = false;
  #inItems = false;
  #hasBeen = false;

  constructor(member: string, listener: Listener) {
    this.#member = member;
    this.#listener = listener;
  }

  write(chunk: Buffer): void {
    // Where what has not been handed on yet begins.
    let from = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#inString) {
        at = this.#skipString(chunk, at);
        continue;
      }
      // Most bytes outside of texts mean nothing either.
      if (!this.#isNext) while (at < chunk.length && MARKS[chunk[at] ?? 0] === 0) at += 1;
      if (at >= chunk.length) break;
      const byte = chunk[at];
      at += 1;
      if (byte === QUOTE) {
        this.#inString = true;
        if (this.#depth === 1 && !this.#inItems) {
          this.#pass(chunk, from, at - 1);
          from = at - 1;
          this.#endName();
          this.#name = [];
          this.#isNext = false;
        }
      } else if (byte === COMMA && this.#inItems && this.#depth === 2) {
        this.#endItem(chunk, from, at - 1);
        this.#rest.push(ONE_COMMA);
        from = at;
      } else if (byte === COLON) {
        if (this.#depth === 1) {
          this.#readName(chunk, from, at - 1);
          from = at - 1;
        }
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#depth += 1;
        if (this.#depth === 2) {
          if (byte === OPEN_BRACKET && this.#isNext) {
            this.#pass(chunk, from, at);
            from = at;
            this.#begin();
          }
          this.#isNext = false;
        }
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (this.#inItems && this.#depth === 2) {
          this.#endItem(chunk, from, at - 1);
          from = at - 1;
          this.#inItems = false;
        }
        this.#depth -= 1;
      } else if (this.#depth === 1 && this.#isNext && !isSpace(byte)) {
        this.#isNext = false;
      }
    }
    this.#pass(chunk, from, chunk.length);
  }

  /** Everything but the items. */
  end(): Buffer {
    this.#endName();
    if (this.#inItems) this.#rest.push(...this.#item);
    return Buffer.concat(this.#rest);
  }

  #begin(): void {
    if (this.#hasBeen) this.#listener.onRestart();
    this.#hasBeen = true;
    this.#inItems = true;
  }

  /** Up to the end of the string, or of the chunk. */
  #skipString(chunk: Buffer, start: number): number {
    let at = start;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      at += 1;
    }
    let quote = chunk.indexOf(QUOTE, at);
    let backslash = chunk.indexOf(BACKSLASH, at);
    while (backslash >= 0 && (quote < 0 || backslash < quote)) {
      at = backslash + 2;
      if (at > chunk.length) this.#isEscaped = true;
      if (quote >= 0 && quote < at) quote = chunk.indexOf(QUOTE, at);
      backslash = chunk.indexOf(BACKSLASH, at);
    }
    if (quote < 0) return chunk.length;
    this.#inString = false;
    return quote + 1;
  }

  /** Hands on bytes of the chunk: to the item, the name or the rest. */
  #pass(chunk: Buffer, from: number, to: number): void {
    if (to <= from) return;
    // A copy: the chunk is a view of a pool that is used again.
    const bytes = Buffer.from(chunk.subarray(from, to));
    if (this.#inItems) this.#item.push(bytes);
    else if (this.#name) this.#name.push(bytes);
    else this.#rest.push(bytes);
  }

  #endItem(chunk: Buffer, from: number, to: number): void {
    const end = chunk.subarray(from, to);
    const text = this.#item.length === 0 ? end : Buffer.concat([...this.#item, end]);
    this.#item = [];
    if (text.every(isSpace)) return;
    this.#rest.push(ZERO);
    this.#listener.onItem(text);
  }

  #readName(chunk: Buffer, from: number, to: number): void {
    this.#pass(chunk, from, to);
    const name = this.#name ? parseName(Buffer.concat(this.#name).toString('utf8')) : null;
    this.#endName();
    this.#isNext = name === this.#member;
  }

  #endName(): void {
    if (this.#name) this.#rest.push(...this.#name);
    this.#name = null;
  }
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const parseName = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // The caller's own parse of the rest refuses it.
    return null;
  }
};
