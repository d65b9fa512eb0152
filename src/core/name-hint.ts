import { createHash } from 'node:crypto';

/** Short stand-in for a name in a notification, whose text is bounded. 96 bits, so two names do not share one. */
export const nameHint = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
