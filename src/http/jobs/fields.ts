import { z } from 'zod';

/** PostgreSQL and JSON.stringify read nested values by recursion; this is far below what either bears. */
const METADATA_DEPTH = 500;

/** True when no value is nested deeper; looks at one level at a time, so it needs no recursion itself. */
const isShallow = (root: unknown): boolean => {
  let level: unknown[] = [root];
  for (let depth = 0; depth <= METADATA_DEPTH; depth += 1) {
    level = level.flatMap((value): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
    if (level.length === 0) return true;
  }
  return false;
};

/** An object of the client's own. */
export const metadata = z.record(z.string(), z.unknown()).refine(isShallow);
