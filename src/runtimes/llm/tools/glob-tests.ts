import { KaziError } from '../../../core/errors.ts';
import { quoteWord } from './quote-word.ts';

const MAX_ALTERNATIVES = 64;

/**
 * The tests of find(1), quoted for a shell, that hold for the files a glob names: `*.ts` at any depth, `src/*.ts` from
 * `start` on, with `**`, `{a,b}`, `?`, `[a-z]` and a leading `!` for all others. find does the matching, so that no glob
 * can hold up the server. Throws INVALID_REQUEST for a glob that stands for too many.
 */
export const globTests = (glob: string, start: string): string => {
  const isNegated = glob.startsWith('!');
  const bare = glob.slice(isNegated ? 1 : 0).replace(/^\.?\/+/, '');
  const alternatives = expand(bare);
  const tests = alternatives.map((alternative) => testFor(alternative, start)).join(' -o ');
  return `${isNegated ? '! ' : ''}\\( ${tests} \\)`;
};

/** `**` in the middle stands for no folder as well as for some; braces for each of their parts. */
const expand = (glob: string): readonly string[] => {
  let pending = [glob];
  for (;;) {
    const next = pending.flatMap(expandOnce);
    if (next.length > MAX_ALTERNATIVES) {
      throw new KaziError('INVALID_REQUEST', {
        message: `The glob "${glob}" stands for more than ${MAX_ALTERNATIVES} patterns. Use a simpler one.`,
      });
    }
    if (next.length === pending.length && next.every((part, index) => part === pending[index])) return next;
    pending = next;
  }
};

const BRACES = /\{([^{}]*)\}/;
/** Any depth; kept apart from a plain star until all alternatives are found. */
const ANY_DEPTH = '\u0001';

const expandOnce = (glob: string): readonly string[] => {
  const braces = BRACES.exec(glob);
  if (braces !== null) {
    const before = glob.slice(0, braces.index);
    const after = glob.slice(braces.index + braces[0].length);
    return (braces[1] ?? '').split(',').map((part) => before + part + after);
  }
  const at = glob.indexOf('**/');
  if (at !== -1)
    return [glob.slice(0, at) + glob.slice(at + 3), `${glob.slice(0, at)}${ANY_DEPTH}/${glob.slice(at + 3)}`];
  return [glob.replaceAll('**', ANY_DEPTH)];
};

const testFor = (alternative: string, start: string): string => {
  const pattern = alternative.replaceAll(ANY_DEPTH, '*');
  if (!alternative.includes('/') && !alternative.includes(ANY_DEPTH)) return `-name ${quoteWord(pattern)}`;
  const base = start.replaceAll(/[\\*?[\]]/g, String.raw`\$&`);
  const test = `-path ${quoteWord(`${base}/${pattern}`)}`;
  if (alternative.includes(ANY_DEPTH)) return test;
  // A star of find crosses folders; without `**` it must not, so the depth is held to that of the glob.
  const deeper = `${base}/${'*/'.repeat(alternative.split('/').length)}*`;
  return `\\( ${test} ! -path ${quoteWord(deeper)} \\)`;
};
