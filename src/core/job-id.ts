import { randomUUID } from 'node:crypto';
import { KaziError } from './errors.ts';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** A random id (UUID version 4) in lower case. */
export const newJobId = (): string => randomUUID();

/** True for an id as kazi writes it. */
export const isJobId = (text: string): boolean => UUID.test(text);

/** The canonical lower-case id, from any letter case and with or without braces. Throws INVALID_JOB_ID. */
export const parseJobId = (text: string): string => {
  const bare = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  const canonical = bare.toLowerCase();
  if (!UUID.test(canonical)) throw new KaziError('INVALID_JOB_ID');
  return canonical;
};
