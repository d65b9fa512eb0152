import { lchown, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { embeddedDatabaseFailure } from './failure.ts';

/** A system user that PostgreSQL's processes run as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root, so root lends it a number that no user has: neither another service nor a
 * sandboxed job can read its files or signal its processes, which they could if it ran as nobody. The server needs no
 * passwd entry (initdb does, see namedAccount). The number lies in a range that neither systemd nor the distributions
 * hand out, and below 65536, so that rootless containers map it.
 */
const DEDICATED: Account = { uid: 60_777, gid: 60_777 };

/**
 * Decides whom PostgreSQL runs as: null for ourselves, which is the rule for every user but root. Root goes on with
 * whoever owns the cluster, and takes over a cluster that a restored backup left with root.
 */
export const chooseAccount = async (clusterDir: string): Promise<Account | null> => {
  const ownUid = process.getuid?.() ?? 0;
  const owner = await stat(clusterDir).catch(() => null);
  if (ownUid !== 0) {
    if (owner === null || owner.uid === ownUid) return null;
    throw embeddedDatabaseFailure(
      `The database folder "${clusterDir}" belongs to user id ${owner.uid}, expected ${ownUid}, the user that kazi runs as. ` +
        `Start kazi as the user that created it, or run once as root: chown -R ${ownUid} "${clusterDir}" and the files beside it.`,
    );
  }
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  if (owner !== null) await chownTree(clusterDir, DEDICATED);
  return DEDICATED;
};

/**
 * Some unprivileged user of /etc/passwd: initdb insists on the name of the user that runs it. Throws when there is
 * none.
 */
export const namedAccount = async (): Promise<Account> => {
  const entries = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const unprivileged = entries.filter(([, , uid, gid]) => Number(uid) > 0 && Number(gid) > 0);
  const chosen = unprivileged.find(([name]) => name === 'nobody') ?? unprivileged[0];
  if (chosen === undefined) {
    throw embeddedDatabaseFailure(
      'PostgreSQL refuses to run as root, and /etc/passwd has no other user to create the database with. ' +
        'Add one (for example "nobody"), start kazi as an ordinary user, or set DATABASE_URL.',
    );
  }
  return { uid: Number(chosen[2]), gid: Number(chosen[3]) };
};

/** Gives a folder and everything in it to the account; links themselves, never what they point to. */
export const chownTree = async (dir: string, account: Account): Promise<void> => {
  const entries = await readdir(dir, { recursive: true });
  try {
    await Promise.all(['', ...entries].map((entry) => lchown(join(dir, entry), account.uid, account.gid)));
  } catch (error) {
    throw embeddedDatabaseFailure(
      `PostgreSQL refuses to run as root, and root cannot give files to user id ${account.uid} here (a container without the ` +
        'capabilities CHOWN, SETUID and SETGID, or without that id in its map). Start kazi as an ordinary user, or set DATABASE_URL.',
      error,
    );
  }
};
