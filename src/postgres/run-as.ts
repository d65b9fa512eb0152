import type { Account } from './account.ts';

/** The part of a spawn call that makes a child run as the account. */
export const spawnAs = (account: Account | null): { readonly uid?: number; readonly gid?: number } =>
  account === null ? {} : { uid: account.uid, gid: account.gid };

/**
 * What PostgreSQL's programs get as their data folder when they are started inside it. As another user than ourselves
 * they may not be able to walk to the folder by its path (below /root, for example), and need not: on Linux this name
 * leads to it from within.
 */
export const dataFolderArgument = (dir: string, account: Account | null): string =>
  account !== null && process.platform === 'linux' ? '/proc/self/cwd' : dir;
