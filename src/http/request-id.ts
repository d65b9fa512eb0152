import { randomUUID } from 'node:crypto';

const SHAPE = /^[A-Za-z0-9._:-]{1,128}$/;

/** The client's own id of its request when it is harmless in a header and a log line, else a new one. */
export const requestIdOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && SHAPE.test(header) ? header : randomUUID();
