import { randomBytes } from 'node:crypto';

/** An id as providers give them: a prefix and random characters, fresh for every answer. */
export const newId = (prefix: string): string => `${prefix}${randomBytes(12).toString('hex')}`;
