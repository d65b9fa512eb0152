import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The sources of the server as one table for the demo's job: a line for each line of each file, its path, a tab, its text.
 * Tests are left out, so that the table stays small enough to be sent.
 */
export const collectSources = async (root: string): Promise<string> => {
  const names = await readdir(join(root, 'src'), { recursive: true });
  const paths = names
    .map((name) => `src/${name}`)
    .filter((path) => /\.(?:ts|sql)$/.test(path) && !path.endsWith('.test.ts'))
    .toSorted();
  const tables = await Promise.all(paths.map(async (path) => tabulate(path, await readFile(join(root, path), 'utf8'))));
  return tables.join('');
};

/** The rows of one file; each ends with a line break, and a last line without one counts too. */
export const tabulate = (path: string, text: string): string =>
  text === ''
    ? ''
    : text
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => `${path}\t${line}\n`)
        .join('');
