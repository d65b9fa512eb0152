import { readFileSync } from 'node:fs';
import type { WorkspaceOwner } from './open-beneath.ts';

/** A range of uids that no account of the machine uses. */
export interface UserRange {
  readonly first: number;
  readonly count: number;
}

/** Above all ranges that distributions and container tools hand out (systemd's list ends at 1,879,048,191; 2,147,352,576 begins the next). */
const PREFERRED_RANGE: UserRange = { first: 1_879_048_192, count: 250_000_000 };
/** In a container with few uids: its upper half, below `nobody`. */
const SMALL_CONTAINER_RANGE: UserRange = { first: 30_000, count: 30_000 };

/** The range that this user namespace can use, from the text of /proc/self/uid_map; null when it maps hardly any uid. */
export const chooseUserRange = (uidMap: string): UserRange | null => {
  const mapped = uidMap
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([first = 0, , count = 0]) => ({ first, count }));
  const holds = (range: UserRange): boolean =>
    mapped.some(({ first, count }) => first <= range.first && range.first + range.count <= first + count);
  return [PREFERRED_RANGE, SMALL_CONTAINER_RANGE].find(holds) ?? null;
};

/** The uid of a session: the same number always leads to the same uid, and neighbours never share one. */
export const userOfIdentity = (identity: number | bigint, range: UserRange): WorkspaceOwner => {
  const count = BigInt(range.count);
  const uid = range.first + Number(((BigInt(identity) % count) + count) % count);
  return { uid, gid: uid };
};

/** The range for this process; null when it is not root, and so can be nobody else. */
export const readUserRange = (): UserRange | null => {
  if (process.getuid?.() !== 0) return null;
  try {
    return chooseUserRange(readFileSync('/proc/self/uid_map', 'utf8'));
  } catch {
    // No /proc: not Linux.
    return null;
  }
};
