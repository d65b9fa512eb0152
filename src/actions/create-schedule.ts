import { KaziError } from '../core/errors.ts';
import { checkSessionScope, type Principal } from '../core/principal.ts';
import { newScheduleId } from '../core/schedule/ids.ts';
import type { Schedule, ScheduleOwner, ScheduleTerms } from '../core/schedule/schedule.ts';
import { planFirst, readTerms } from '../core/schedule/terms.ts';
import type { WebhookRequest } from '../core/webhook.ts';
import type { Queryable } from '../storage/database.ts';
import { getKeptAnswer, keepAnswer } from '../storage/idempotency.ts';
import { findScheduleByRequest, lockTenantSchedules, createSchedule as storeSchedule } from '../storage/schedules.ts';
import type { ActionContext } from './context.ts';
import { findSchedule } from './find-schedule.ts';
import type { RequestIdentity } from './new-job.ts';
import { resolveAgent } from './resolve-agent.ts';
import { resolveSession, type SessionReference } from './resolve-session.ts';
import { keepWebhook } from './schedule-webhook.ts';

const KEEP_ANSWER_MS = 86_400_000;
const RETRY_WINDOW_MS = 120_000;

/** A schedule that a client wants. */
export interface NewSchedule {
  readonly terms: Omit<ScheduleTerms, 'webhook'>;
  readonly webhook: WebhookRequest | null;
  /** The session of its jobs; one of its own when neither is named. */
  readonly session: SessionReference;
  readonly sessionMode: Schedule['sessionMode'];
  readonly request: Omit<RequestIdentity, 'toResponse'> & {
    /** The body that answers for the schedule; kept under the key. */
    readonly toResponse: (schedule: Schedule) => string;
  };
}

export interface CreatedSchedule {
  readonly response: string;
  /** True when an earlier request had made the schedule. */
  readonly isReplay: boolean;
}

/**
 * Makes a schedule. Order of checks: session scope and ownership, replay, agent, webhook, times, limit of the tenant. Throws their
 * errors.
 */
export const createSchedule = async (
  context: ActionContext,
  principal: Principal,
  wanted: NewSchedule,
): Promise<CreatedSchedule> => {
  const id = newScheduleId();
  const sessionId = await sessionOf(context, principal, wanted.session, id);
  const replay = await findReplay(context.db, wanted.request);
  if (replay) return replay;
  if (wanted.terms.agent !== null) await resolveAgent(context.db, principal.tenantId, wanted.terms.agent);
  const webhook = await keepWebhook(context, principal.tenantId, { wanted: wanted.webhook, before: null });
  const terms: ScheduleTerms = { ...wanted.terms, webhook };
  readTerms(terms, wanted.sessionMode);
  await context.directory.ensureOwner(principal.tenantId, principal.userId);
  const created = await context.db.transaction(
    async (tx) => await add(tx, principal, { ...wanted, terms, id, sessionId, most: context.maxSchedules }),
  );
  if (created === undefined) {
    const kept = await findReplay(context.db, wanted.request);
    if (!kept) throw new KaziError('IDEMPOTENCY_IN_PROGRESS');
    return kept;
  }
  if (!created.isReplay) context.notifications.publish('schedules', 0);
  return created;
};

const sessionOf = async (
  context: ActionContext,
  principal: Principal,
  reference: SessionReference,
  id: string,
): Promise<string> => {
  if (reference.sessionId !== null || reference.sessionKey !== null) {
    return (await resolveSession(context, principal, reference)).sessionId;
  }
  checkSessionScope(principal, null);
  return `sched_${id}`;
};

/** Undefined when the request's key was taken in this moment: nothing may be written then. */
const add = async (
  tx: Queryable,
  principal: Principal,
  wanted: NewSchedule & {
    readonly terms: ScheduleTerms;
    readonly id: string;
    readonly sessionId: string;
    readonly most: number;
  },
): Promise<CreatedSchedule | undefined> => {
  const { id, request, sessionId, sessionMode } = wanted;
  const { tenantId, userId } = principal;
  const requestHash = request.hash.readBigInt64BE(0).toString();
  const { count, now } = await lockTenantSchedules(tx, tenantId);
  if (request.idempotencyScope === null && request.isRetry) {
    const found = await findScheduleByRequest(tx, { tenantId, userId, requestHash, maxAgeMs: RETRY_WINDOW_MS });
    if (found !== undefined) {
      return { response: request.toResponse(await findSchedule(tx, principal, found)), isReplay: true };
    }
  }
  // Under the lock, so that two requests with one key make one schedule.
  if (request.idempotencyScope !== null && (await getKeptAnswer(tx, request.idempotencyScope))) return undefined;
  if (count >= wanted.most) throw new KaziError('SCHEDULE_LIMIT_REACHED', { limit: wanted.most });
  const terms = withStart(wanted.terms, now);
  const times = readTerms(terms, sessionMode);
  const next = planFirst({ id, terms, times }, { nowMs: now.getTime(), lastRunMs: null, lastDueMs: null });
  await storeSchedule(tx, { id, owner: ownerOf(principal), sessionId, sessionMode, terms, next, requestHash });
  const response = request.toResponse(await findSchedule(tx, principal, id));
  if (request.idempotencyScope !== null) {
    const record = { scope: request.idempotencyScope, requestHash: request.hash, response, keepMs: KEEP_ANSWER_MS };
    await keepAnswer(tx, record);
  }
  return { response, isReplay: false };
};

/** A delay begins now, and so does an interval that does not say when: its first fire is after one interval. */
export const withStart = (terms: ScheduleTerms, now: Date): ScheduleTerms => {
  const isOpen = terms.kind === 'delay' || (terms.kind === 'interval' && terms.runAt === null);
  if (!isOpen || terms.periodSeconds === null) return terms;
  return { ...terms, runAt: new Date(now.getTime() + terms.periodSeconds * 1_000) };
};

const ownerOf = (principal: Principal): ScheduleOwner => ({
  tenantId: principal.tenantId,
  userId: principal.userId,
  isAnonymous: principal.isAnonymous,
  apiKeyId: principal.kind === 'api_key' ? principal.credentialId : null,
});

const findReplay = async (db: Queryable, request: NewSchedule['request']): Promise<CreatedSchedule | undefined> => {
  if (request.idempotencyScope === null) return undefined;
  const kept = await getKeptAnswer(db, request.idempotencyScope);
  if (!kept) return undefined;
  if (!kept.requestHash.equals(request.hash)) throw new KaziError('IDEMPOTENCY_MISMATCH');
  return { response: kept.response, isReplay: true };
};
