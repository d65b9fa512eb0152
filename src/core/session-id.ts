import { randomUUID } from 'node:crypto';
import { KaziError } from './errors.ts';

const SHAPE = /^[A-Za-z0-9._:@-]{1,128}$/;

/** An id for a session that nobody named. */
export const newSessionId = (): string => randomUUID();

/** True for an id that may name a session. `.` and `..` are refused because URL libraries resolve them away. */
export const isSessionId = (text: string): boolean => SHAPE.test(text) && text !== '.' && text !== '..';

/** The id itself, from a path or a query string, already percent-decoded. Throws INVALID_SESSION_ID. */
export const parseSessionId = (text: string): string => {
  if (!isSessionId(text)) throw new KaziError('INVALID_SESSION_ID');
  return text;
};
