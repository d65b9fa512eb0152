import type { ErrorCode, KaziError } from '../../core/errors.ts';
import type { ErrorAnswer } from '../error-answer.ts';

/** Names of errors whose status does not tell them. */
const NAMES: Readonly<Partial<Record<ErrorCode, string>>> = Object.freeze({
  INVALID_JSON: 'invalid_json',
  IDEMPOTENCY_MISMATCH: 'idempotency_mismatch',
  VISIBILITY_UNSUPPORTED: 'unsupported',
  WEBHOOK_URL_REFUSED: 'url_not_allowed',
  WORKER_SCHEDULE_LIMIT: 'limit_exceeded',
  SCHEDULE_LIMIT_REACHED: 'limit_exceeded',
  RATE_LIMITED: 'rate_limited',
});

const NAMES_BY_STATUS: Readonly<Record<number, string>> = Object.freeze({
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  408: 'timeout',
  409: 'in_progress',
  413: 'too_large',
  416: 'range_not_satisfiable',
  422: 'unsupported',
  429: 'budget_exceeded',
  431: 'too_large',
  502: 'bad_gateway',
  503: 'unavailable',
});

/** Where this family has words of its own. */
const MESSAGES: Readonly<Partial<Record<ErrorCode, string>>> = Object.freeze({
  INVALID_JSON: 'Request body is not valid JSON',
  INVALID_ARTIFACT_PATH: 'Invalid file path encoding',
});

/** The envelope of an error in the workers API (section 2.2). Its clients repeat what they are not told to leave. */
export const toWorkerErrorAnswer = (error: KaziError): ErrorAnswer => {
  const { code, status } = error;
  const message = MESSAGES[code] ?? error.message;
  const isWorthRetry = status === 409 || status === 503 || code === 'RATE_LIMITED';
  return {
    status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({ error: NAMES[code] ?? NAMES_BY_STATUS[status] ?? 'internal', message }),
    retryAfterSeconds: isWorthRetry ? Number(error.details['retryAfterSeconds']) || 1 : null,
    headers: isWorthRetry ? {} : { 'x-should-retry': 'false' },
  };
};
