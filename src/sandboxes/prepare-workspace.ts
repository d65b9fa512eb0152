import { chmod, lchown, lstat, mkdir, readdir, realpath } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { KaziError } from '../core/errors.ts';
import type { WorkspaceOwner } from './open-beneath.ts';

/**
 * Makes the workspace when it is absent and gives it, with all in it, to its owner. Answers its real path.
 * Only to be called while no process of a sandbox is alive in it: the walk trusts what it sees.
 */
export const prepareWorkspace = async (workspaceDir: string, owner: WorkspaceOwner | null): Promise<string> => {
  if (!isAbsolute(workspaceDir)) {
    throw new KaziError('SANDBOX_UNAVAILABLE', {
      reason: `found the workspace folder "${workspaceDir}", expected an absolute path.`,
    });
  }
  await mkdir(workspaceDir, { recursive: true, mode: 0o700 });
  const path = await realpath(workspaceDir);
  const { uid, mode } = await lstat(path);
  if (owner !== null && uid !== owner.uid) {
    await giveTree(path, owner);
    await lchown(path, owner.uid, owner.gid);
  }
  if ((mode & 0o777) !== 0o700) await chmod(path, 0o700);
  return path;
};

/** The top folder changes hands last, so that a walk that was cut short is done again by the next create. */
const giveTree = async (folder: string, owner: WorkspaceOwner): Promise<void> => {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await giveTree(path, owner);
    await lchown(path, owner.uid, owner.gid);
  }
};
