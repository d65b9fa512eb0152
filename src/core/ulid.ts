import { randomBytes } from 'node:crypto';

/** Crockford's base 32, which ULIDs are written in. */
export const ULID_ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** A new ULID, in upper case: 48 bits of milliseconds, then 80 random ones. */
export const newUlid = (nowMs: number = Date.now()): string => {
  let time = '';
  for (let rest = nowMs; time.length < TIME_CHARACTERS; rest = Math.floor(rest / 32)) {
    time = (ULID_ALPHABET[rest % 32] ?? '') + time;
  }
  const random = [...randomBytes(RANDOM_CHARACTERS)].map((byte) => ULID_ALPHABET[byte % 32] ?? '');
  return time + random.join('');
};
