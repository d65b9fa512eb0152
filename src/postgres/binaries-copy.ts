import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

/**
 * True when every library link that the package lists is there; npm makes them in an install script, which is often
 * turned off.
 */
export const hasAllLinks = async (packageDir: string): Promise<boolean> => {
  const links = await readLinks(packageDir);
  const found = await Promise.all(links.map((link) => exists(join(packageDir, link.target))));
  return found.every(Boolean);
};

/**
 * Copies the package into a folder of its own, makes its links, and renames it, so that a copy that exists is whole,
 * whoever made it.
 */
export const copyPackage = async (packageDir: string, copyDir: string): Promise<void> => {
  if (await exists(copyDir)) return;
  await mkdir(dirname(copyDir), { recursive: true });
  await chmod(dirname(copyDir), 0o755);
  const unfinished = await mkdtemp(`${copyDir}.unfinished-`);
  try {
    await copyFolder(join(packageDir, 'native'), join(unfinished, 'native'));
    for (const link of await readLinks(packageDir)) {
      const target = join(unfinished, link.target);
      if (!(await exists(target))) await symlink(relative(dirname(target), join(unfinished, link.source)), target);
    }
    await chmod(unfinished, 0o755);
    await rename(unfinished, copyDir);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (!(await exists(copyDir))) throw error;
  }
};

/** Everybody may read the copy: it is a public package, and the account that runs it is not its owner. */
const copyFolder = async (from: string, to: string): Promise<void> => {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) await copyFolder(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else {
      await copyFile(source, target);
      const isProgram = ((await lstat(source)).mode & 0o100) !== 0;
      await chmod(target, isProgram ? 0o755 : 0o644);
    }
  }
};

const readLinks = async (packageDir: string): Promise<readonly LibraryLink[]> => {
  const text = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: unknown = JSON.parse(text);
  return Array.isArray(links) ? links.filter(isLibraryLink) : [];
};

const isLibraryLink = (value: unknown): value is LibraryLink =>
  typeof value === 'object' &&
  value !== null &&
  'source' in value &&
  typeof value.source === 'string' &&
  'target' in value &&
  typeof value.target === 'string';

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );
