import { posix } from 'node:path';
import { quoteName } from './explain-entry.ts';

const MAX_LINE_CHARACTERS = 400;

/** Takes the records of a search as they arrive and keeps as many as may be shown. */
export class SearchResults {
  readonly #limit: number;
  readonly #maxCharacters: number;
  readonly #hasContext: boolean;
  readonly #lines: string[] = [];
  #pending = '';
  #characters = 0;
  #matches = 0;
  readonly #files = new Set<string>();
  #isFull = false;
  #last: { readonly path: string; readonly line: number } | null = null;

  constructor(options: { readonly limit: number; readonly maxCharacters: number; readonly hasContext: boolean }) {
    this.#limit = options.limit;
    this.#maxCharacters = options.maxCharacters;
    this.#hasContext = options.hasContext;
  }

  /** Takes the next piece of output, which may end inside a record. */
  add(text: string): void {
    if (this.#isFull) return;
    const records = this.#pending + text;
    let at = 0;
    for (;;) {
      const separator = records.indexOf('\0', at);
      // Only after the separator is a line end that of the record: names may hold some as well.
      const end = separator === -1 ? -1 : records.indexOf('\n', separator);
      if (end === -1) break;
      this.#take(records.slice(at, separator), records.slice(separator + 1, end));
      if (this.#isFull) return;
      at = end + 1;
    }
    this.#pending = records.slice(at);
  }

  /** True when there is more than may be shown. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get matches(): number {
    return this.#matches;
  }

  get files(): number {
    return this.#files.size;
  }

  get text(): string {
    return this.#lines.join('\n');
  }

  #take(rawPath: string, record: string): void {
    const [, digits, kind, rest] = /^(\d+)([:-])([^]*)$/.exec(record) ?? [];
    if (digits === undefined || kind === undefined || rest === undefined) return;
    const path = posix.normalize(rawPath);
    const line = Number(digits);
    const isNext = this.#last?.path === path && this.#last.line + 1 === line;
    const shown = `${quoteName(path)}${kind}${line}${kind} ${cut(rest.replace(/\r$/, ''))}`;
    const isMatch = kind === ':';
    this.#characters += shown.length + 4;
    if ((isMatch && this.#matches >= this.#limit) || this.#characters > this.#maxCharacters) {
      this.#isFull = true;
      return;
    }
    if (this.#last !== null && !isNext && this.#hasContext) this.#lines.push('--');
    this.#lines.push(shown);
    this.#last = { path, line };
    if (!isMatch) return;
    this.#matches += 1;
    this.#files.add(path);
  }
}

const cut = (line: string): string =>
  line.length <= MAX_LINE_CHARACTERS
    ? line.replace(/\uFFFD$/, '')
    : `${line.slice(0, MAX_LINE_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '')}… [line cut]`;
