import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { KaziError } from '../core/errors.ts';

/** Largest request body (jobs API, section 1). */
export const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Parses a JSON body, whatever its Content-Type. Throws INVALID_JSON, then INVALID_REQUEST with the message of the route. */
export const parseBody = <T>(schema: z.ZodType<T>, bytes: Buffer | undefined, message: string): T => {
  const parsed = schema.safeParse(parseJson(bytes));
  if (!parsed.success) throw new KaziError('INVALID_REQUEST', { message }, { cause: parsed.error });
  return parsed.data;
};

/** The JSON of a body. Throws INVALID_JSON. */
export const parseJson = (bytes: Buffer | undefined): unknown => {
  if (bytes === undefined || !isUtf8(bytes)) throw new KaziError('INVALID_JSON');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new KaziError('INVALID_JSON', {}, { cause });
  }
};
