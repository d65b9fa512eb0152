import type { ErrorCode, KaziError } from '../../core/errors.ts';
import type { ErrorAnswer } from '../error-answer.ts';

/** Answered as plain text: the errors of paths and methods. */
const PLAIN: ReadonlySet<ErrorCode> = new Set([
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'INVALID_JOB_PATH',
  'INVALID_SESSION_PATH',
  'UPGRADE_REQUIRED',
]);
/** Marked **D** in the contract: `detail` repeats `error`. */
const DETAILED: ReadonlySet<ErrorCode> = new Set([
  ...(['INVALID_JOB_ID', 'JOB_NOT_FOUND', 'ARTIFACT_NOT_FOUND', 'INVALID_SCHEDULE_ID', 'SCHEDULE_NOT_FOUND'] as const),
  ...(['RUN_AT_REQUIRED', 'CRON_REQUIRED', 'CRON_NOT_ALLOWED', 'PERIOD_REQUIRED', 'PERIOD_NOT_ALLOWED'] as const),
  ...(['INVALID_CRON', 'INVALID_TIMEZONE', 'OVERLAP_NOT_ALLOWED', 'SCHEDULE_LIMIT_REACHED', 'INVALID_FILTER'] as const),
]);
/** Their cause passes by itself, soon. */
const SOON: ReadonlySet<ErrorCode> = new Set([
  'IDEMPOTENCY_IN_PROGRESS',
  'DATABASE_UNAVAILABLE',
  'NO_RUNNER',
  'SHUTTING_DOWN',
]);

/** The envelope of an error in this family, with what its route adds. */
export const toErrorAnswer = (error: KaziError, fields: Readonly<Record<string, unknown>> = {}): ErrorAnswer => {
  const retryAfterSeconds = SOON.has(error.code) ? 1 : Number(error.details['retryAfterSeconds']) || null;
  if (PLAIN.has(error.code)) {
    return { status: error.status, contentType: 'text/plain; charset=utf-8', body: error.message, retryAfterSeconds };
  }
  const envelope = {
    ok: false,
    error: error.message,
    ...(DETAILED.has(error.code) ? { detail: error.message } : {}),
    ...describeBudget(error),
    ...fields,
  };
  return {
    status: error.status,
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify(envelope),
    retryAfterSeconds,
  };
};

/** The contract wants numbers also for a session without the other limit: the largest that a limit can be set to. */
const NO_REQUEST_LIMIT = 1_000_000_000;
const NO_COST_LIMIT = 1_000_000;

/** `code` and `details` of the errors of a session's budget (section 9.4); nothing for others. */
export const describeBudget = ({ code, details }: KaziError): Readonly<Record<string, unknown>> => {
  if (code !== 'REQUEST_BUDGET_EXCEEDED' && code !== 'COST_BUDGET_EXCEEDED') return {};
  const { limit: _printed, ...counts } = details;
  return {
    code: code.toLowerCase(),
    details: {
      ...counts,
      max_requests: Math.min(Number(counts['max_requests'] ?? NO_REQUEST_LIMIT), NO_REQUEST_LIMIT),
      max_estimated_cost_usd: Math.min(Number(counts['max_estimated_cost_usd'] ?? NO_COST_LIMIT), NO_COST_LIMIT),
    },
  };
};
