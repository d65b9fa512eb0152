import { KaziError } from '../../core/errors.ts';
import { parseJson } from '../request-body.ts';

/** A JSON object. Throws INVALID_JSON, INVALID_REQUEST. */
export const parseObject = (bytes: Buffer | undefined): Readonly<Record<string, unknown>> => {
  const body = parseJson(bytes);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid('Request body must be a JSON object');
  }
  return body as Readonly<Record<string, unknown>>;
};

/** Text that can be stored: PostgreSQL takes neither NUL nor unpaired surrogates. Throws INVALID_REQUEST. */
export const readText = (name: string, text: string): string => {
  if (!text.isWellFormed() || text.includes('\0')) throw invalid(`${name} must be text without NUL characters`);
  return text;
};

/** A request that this family refuses, in words of its own. */
export const invalid = (message: string): KaziError => new KaziError('INVALID_REQUEST', { message });
