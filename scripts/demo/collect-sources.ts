import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The sources of the server as one text for the demo's job: each file after a line `@@ path`. Tests are left out, so that
 * the text stays small enough to be sent.
 */
export const collectSources = async (root: string): Promise<string> => {
  const names = await readdir(join(root, 'src'), { recursive: true });
  const paths = names
    .map((name) => `src/${name}`)
    .filter((path) => /\.(?:ts|sql)$/.test(path) && !path.endsWith('.test.ts'))
    .toSorted();
  const files = await Promise.all(
    paths.map(async (path) => ({ path, text: await readFile(join(root, path), 'utf8') })),
  );
  return joinFiles(files);
};

/** A last line without a line break gets one, so that the next mark stands alone. */
export const joinFiles = (files: readonly { readonly path: string; readonly text: string }[]): string =>
  files.map(({ path, text }) => `@@ ${path}\n${text === '' || text.endsWith('\n') ? text : `${text}\n`}`).join('');
