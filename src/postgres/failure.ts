import { KaziError } from '../core/errors.ts';

/** An EMBEDDED_DATABASE_FAILED error. The message says what was found, what was expected, and what to do. */
export const embeddedDatabaseFailure = (message: string, cause?: unknown): KaziError =>
  new KaziError('EMBEDDED_DATABASE_FAILED', { message }, cause === undefined ? {} : { cause });
