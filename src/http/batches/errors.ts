import type { ErrorCode, KaziError } from '../../core/errors.ts';
import type { ErrorAnswer } from '../error-answer.ts';

/** What this family says in other words than the registry. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  INVALID_JSON: 'body: invalid JSON',
  NOT_FOUND: 'Not Found',
  METHOD_NOT_ALLOWED: 'Method Not Allowed',
};
const STATUS: Partial<Record<ErrorCode, number>> = {
  INVALID_JSON: 422,
  BODY_TOO_LARGE: 400,
  TENANT_LIMIT_REACHED: 402,
  API_KEY_LIMIT_REACHED: 402,
};
/** Their cause passes by itself, soon. */
const SOON: ReadonlySet<ErrorCode> = new Set(['IDEMPOTENCY_IN_PROGRESS', 'DATABASE_UNAVAILABLE', 'SHUTTING_DOWN']);
/** Errors of the server that say something to a client. */
const SPOKEN: ReadonlySet<ErrorCode> = new Set(['RECORD_MISSING_OWNER']);

/** The envelope of an error in this family: `detail` is one string, and shape faults name the request. */
export const toBatchesErrorAnswer = (error: KaziError, requestId: string): ErrorAnswer => {
  const status = STATUS[error.code] ?? error.status;
  const isSilent = status >= 500 && !SPOKEN.has(error.code);
  const { example, retryAfterSeconds } = error.details;
  return {
    status: isSilent ? 500 : status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({
      ...(error.code === 'INVALID_SHAPE' || error.code === 'INVALID_JSON' ? { trace_id: requestId } : {}),
      detail: isSilent ? 'An unknown error occurred' : detailOf(error, status),
      ...(example === undefined ? {} : { examples: [example] }),
    }),
    retryAfterSeconds: typeof retryAfterSeconds === 'number' ? retryAfterSeconds : SOON.has(error.code) ? 1 : null,
  };
};

const detailOf = (error: KaziError, status: number): string => {
  if (status === 401) return 'Unauthorized';
  const { size, most } = error.details;
  if (error.code === 'BODY_TOO_LARGE' && size !== undefined)
    return `INVALID_ARGUMENT: Request too large (${size} bytes). Max is ${most} bytes.`;
  return WORDS[error.code] ?? error.message;
};
