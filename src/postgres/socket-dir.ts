import { chown, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from './account.ts';

/** The folder of PostgreSQL's Unix socket, as its clients name it and as the server does. */
export interface SocketDir {
  readonly clientPath: string;
  readonly serverPath: string;
  remove(): Promise<void>;
}

/** The system's limit of a socket's path, with its closing zero: 104 on macOS, 108 on Linux. */
const MAX_PATH_BYTES = 103;

/**
 * The socket lies in the cluster's folder, which only its owner may enter: no port to collide on, nothing that the
 * network or another user can reach. Where that path is too long for a socket, in a private folder under /tmp
 * (PostgreSQL keeps its socket young there, so that cleaners leave it alone).
 */
export const prepareSocketDir = async (clusterDir: string, account: Account | null): Promise<SocketDir> => {
  if (Buffer.byteLength(join(clusterDir, '.s.PGSQL.5432')) <= MAX_PATH_BYTES) {
    // The server works in the cluster's folder, and need not be able to walk there by its path.
    return { clientPath: clusterDir, serverPath: '.', remove: () => Promise.resolve() };
  }
  const dir = await mkdtemp('/tmp/kazi-');
  if (account !== null) await chown(dir, account.uid, account.gid);
  return { clientPath: dir, serverPath: dir, remove: () => rm(dir, { recursive: true, force: true }) };
};
