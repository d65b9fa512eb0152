import { KaziError } from '../../../core/errors.ts';
import type { RuntimeFile, RuntimeSandbox } from '../../runtime.ts';
import { splitLines } from './number-lines.ts';
import { quoteWord } from './quote-word.ts';

/** Some lines of a text file. */
export interface FileWindow {
  readonly firstNumber: number;
  readonly lines: readonly string[];
  /** Null when it was not counted. */
  readonly totalLines: number | null;
  readonly hasMore: boolean;
}

/** Far above what is shown of it, as long lines are cut. */
const MAX_WINDOW_BYTES = 900_000;
const TIMEOUT_MS = 60_000;

/** The asked lines of a file that is too big to be read whole: tail and head cut them out, inside the sandbox. */
export const readBigFileWindow = async (request: {
  readonly sandbox: RuntimeSandbox;
  readonly entry: RuntimeFile;
  readonly offset: number;
  readonly limit: number;
  readonly signal: AbortSignal;
}): Promise<FileWindow | { readonly isBinary: true }> => {
  const { sandbox, entry, offset, limit, signal } = request;
  const path = quoteWord(`./${entry.path}`);
  const result = await sandbox.run({
    // One line more than asked tells whether there is more. Errors of tail when head has enough are of no interest.
    script: `tail -n +${offset} ${path} | head -n ${limit + 1} | head -c ${MAX_WINDOW_BYTES}`,
    timeoutMs: TIMEOUT_MS,
    signal,
  });
  signal.throwIfAborted();
  if (result.exitCode === null) {
    const limit = result.timedOut ? 'time' : (result.limit ?? 'unknown');
    throw new KaziError('INVALID_REQUEST', {
      message: `"${entry.path}" could not be read: the sandbox ended it at its limit (${limit}).`,
    });
  }
  const text = result.stdout;
  if (text.slice(0, 8000).includes('\0')) return { isBinary: true };
  const lines = splitLines(offset === 1 ? text.replace(/^\uFEFF/, '') : text);
  const isCut = !text.endsWith('\n') && Buffer.byteLength(text) >= MAX_WINDOW_BYTES - 4;
  // The last line of a cut window may be a part of one; alone, it is shown for what it is.
  const whole = isCut && lines.length > 1 ? lines.slice(0, -1) : lines;
  return {
    firstNumber: offset,
    lines: whole.slice(0, limit),
    totalLines: null,
    hasMore: isCut || whole.length > limit,
  };
};
