import { countNewlines, type LongText } from './truncate-middle.ts';

/** Characters of the end that are at hand when the record itself is full. */
const END_CHARACTERS = 64 * 1024;

/** What a command printed, in the order of arrival: the first `maxBytes`, and the end. */
export class OutputRecord {
  readonly #maxBytes: number;
  readonly #kept: string[] = [];
  #bytes = 0;
  #characters = 0;
  #newlines = 0;
  /** Null while everything was kept. */
  #end: string | null = null;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(text: string): void {
    this.#characters += text.length;
    this.#newlines += countNewlines(text);
    const bytes = Buffer.byteLength(text);
    if (this.#end === null && this.#bytes + bytes > this.#maxBytes) this.#end = this.kept.slice(-END_CHARACTERS);
    if (this.#end === null) {
      this.#bytes += bytes;
      this.#kept.push(text);
    } else {
      this.#end = (this.#end + text).slice(-END_CHARACTERS);
    }
  }

  /** False when the output was longer than the record. */
  get isWhole(): boolean {
    return this.#end === null;
  }

  /** The first bytes, in whole pieces as they arrived. */
  get kept(): string {
    return this.#kept.join('');
  }

  toLongText(): LongText {
    const start = this.kept;
    return { start, end: this.#end ?? start, characters: this.#characters, newlines: this.#newlines };
  }
}
