import type { RuntimeFile } from '../../runtime.ts';
import { globTests } from './glob-tests.ts';
import { quoteWord } from './quote-word.ts';

/** Folders that hold what nobody wrote by hand; they are searched when they are named themselves. */
export const SKIPPED_FOLDERS: readonly string[] = ['.git', '.kazi', 'node_modules'];

export interface Search {
  readonly pattern: string;
  /** Where to search: a file or a folder. */
  readonly entry: RuntimeFile;
  readonly glob: string | null;
  readonly ignoreCase: boolean;
  readonly contextLines: number;
}

/** What the script exits with when grep does not take the pattern; it says why on standard error. */
export const BAD_PATTERN_EXIT_CODE = 92;

/** Parts of patterns that the compiled form of PCRE2 before 10.43 matches wrongly against characters beyond ASCII. */
const NEGATED_CLASS = /\\[SDWHVNX]|\[\^[^\]]*\\|\[:\^/;

/**
 * A script that prints records `path NUL number (: or -) line`, the separator telling matches from context. It runs in the
 * sandbox, so that neither a pattern without end nor a big tree holds up the server. Its second branch serves greps
 * without GNU's -Z and -I (just-bash), a file at a time. Records come out one by one, so that a search that is ended early
 * has given what it found.
 */
export const buildSearchScript = (search: Search): string => {
  const grep = `grep $kind ${search.ignoreCase ? '-i ' : ''}-e "$fix"${quoteWord(search.pattern)}`;
  const context = `-C ${search.contextLines}`;
  return String.raw`
kind=-E
fix=
printf 'x\n' | grep -P -e x >/dev/null 2>&1 && kind=-P
${NEGATED_CLASS.test(search.pattern) ? FIND_FIX : ''}
printf 'x\n' | ${grep} >/dev/null 2>&1
if [ $? -gt 1 ]; then
  printf 'x\n' | ${grep} >/dev/null
  exit ${BAD_PATTERN_EXIT_CODE}
fi
files() { ${buildFind(search)}; }
if printf 'x\n' | grep -HIZ --no-group-separator --line-buffered -e x >/dev/null 2>&1; then
  by_line=
  stdbuf -oL true 2>/dev/null && by_line='stdbuf -oL'
  files | LC_ALL=C sort -z | xargs -0 -r ${grep} -nHIZ --no-group-separator --line-buffered ${context} -- |
    $by_line cut -b 1-6000
else
  files | while IFS= read -r -d '' file; do
    grep -q -P -e '\x00' "$file" 2>/dev/null && continue
    ${grep} -n ${context} "$file" | while IFS= read -r line; do
      [ "$line" = -- ] || printf '%s\0%.2000s\n' "$file" "$line"
    done
  done
fi
exit 0
`;
};

/** Without its compiler the expression is right, and about twenty times slower. */
const FIND_FIX = String.raw`
[ $kind = -P ] && ! printf '世\n' | grep -P -e '^\S$' >/dev/null 2>&1 && fix='(*NO_JIT)'
`;

const buildFind = ({ entry, glob }: Search): string => {
  if (entry.type === 'file') return `find ${quoteWord(`./${entry.path}`)} -type f -print0`;
  // By its own dot, a folder that is named is never one of those that are skipped.
  const start = entry.path === '' ? '.' : `./${entry.path}/.`;
  const skipped = SKIPPED_FOLDERS.map((name) => `-name ${quoteWord(name)}`).join(' -o ');
  const tests = glob === null ? '' : globTests(glob, start);
  return `find ${quoteWord(start)} -type d \\( ${skipped} \\) -prune -o -type f ${tests} -print0`;
};
