import { randomUUID } from 'node:crypto';
import { BATCH_PRIORITY, type Batch } from '../core/batch.ts';
import { jobLimits } from '../core/budget.ts';
import { builtinAgent } from '../core/builtin-agents.ts';
import { agentNameOf } from '../core/builtin-models.ts';
import { isKaziError, KaziError } from '../core/errors.ts';
import { checkVisible } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import type { StoredWebhook } from '../core/webhook.ts';
import { getAccount } from '../storage/accounts.ts';
import { ensureBatchLane, getBatch, storeBatch } from '../storage/batches.ts';
import { getKeptAnswer } from '../storage/idempotency.ts';
import { EVERYTHING } from '../storage/notifications.ts';
import { matchProfiles } from '../storage/profiles.ts';
import type { BatchDraft, ItemTarget } from './batch-draft.ts';
import type { ActionContext } from './context.ts';
import { prepareWebhook } from './prepare-webhook.ts';

/** A batch that a client hands over, once all of it has been read. */
export interface BatchSubmission {
  readonly draft: BatchDraft;
  readonly callbackUrl: string | null;
  /** Of the Idempotency-Key; null without one. */
  readonly idempotencyScope: Buffer | null;
  /** SHA-256 of what has to be the same when it is sent again. */
  readonly hash: Buffer;
  /** True for an SDK's own retry without a key. */
  readonly isRetry: boolean;
  /** What the first item with a fault is refused for; null when none has one. */
  readonly itemFault: KaziError | null;
  /** Counts the request against its limit. Throws RATE_LIMITED. */
  readonly countRequest: () => Promise<void>;
}

export interface CreatedBatch {
  readonly batch: Batch;
  /** True when an earlier request had made it. */
  readonly isReplay: boolean;
}

const KEEP_ANSWER_MS = 86_400_000;
const RETRY_WINDOW_MS = 120_000;
/** What batches may take of the jobs that a tenant runs at once: the rest is for work that people wait for. */
const LANE_SHARE = 0.8;
/** Micro-dollars that one character of input is taken for before a model was called (jobs API, 9.4). */
const ESTIMATE_PER_CHARACTER = 2;

/**
 * Accepts a batch durably, with all its items or none. Order of checks: replay, rate limit, the items' own faults, their
 * profiles, the callback, their number, the tenant's money. Throws what each of these does.
 */
export const createBatch = async (
  context: ActionContext,
  principal: Principal,
  submission: BatchSubmission,
): Promise<CreatedBatch> => {
  const replay = await findReplay(context, submission);
  if (replay) return replay;
  await submission.countRequest();
  const { draft } = submission;
  if (submission.itemFault) throw submission.itemFault;
  if (draft.count === 0) throw new KaziError('EMPTY_BATCH');
  const targets = await findTargets(context, principal, draft.profileIds);
  if (draft.count > context.batches.mostItems)
    throw new KaziError('BATCH_TOO_LARGE', { most: context.batches.mostItems });
  const callback =
    submission.callbackUrl === null ? null : await prepareCallback(context, principal, submission.callbackUrl);
  const isPaid = [...targets.values()].some((target) => target.isPaid);
  if (isPaid) await checkMoney(context, principal, draft.characters * ESTIMATE_PER_CHARACTER);
  return await store(context, principal, { submission, targets, callback });
};

const findReplay = async (
  { db }: ActionContext,
  { idempotencyScope, hash }: BatchSubmission,
): Promise<CreatedBatch | undefined> => {
  if (idempotencyScope === null) return undefined;
  const kept = await getKeptAnswer(db, idempotencyScope);
  if (!kept) return undefined;
  if (!kept.requestHash.equals(hash)) throw new KaziError('IDEMPOTENCY_MISMATCH');
  const batch = await getBatch(db, kept.response);
  return batch && { batch: asCreated(batch), isReplay: true };
};

/** A repeated request is answered as the first one was. */
const asCreated = (batch: Batch): Batch => ({
  ...batch,
  status: 'running',
  counts: { total: batch.counts.total, succeeded: 0, failed: 0, cancelled: 0 },
  updatedAt: batch.createdAt,
  completedAt: null,
  firstOutputAt: null,
  callback: null,
});

/** Where the items go, by the ids of profiles. Throws PROFILE_NOT_FOUND for the first that there is not. */
const findTargets = async (
  context: ActionContext,
  principal: Principal,
  profileIds: readonly string[],
): Promise<ReadonlyMap<string, ItemTarget>> => {
  const ids = [...new Set(profileIds)];
  const matches = new Map(
    (await matchProfiles(context.db, principal.tenantId, ids)).map((match) => [match.sessionId, match]),
  );
  const targets = new Map<string, ItemTarget>();
  for (const id of ids) {
    const notFound = new KaziError('PROFILE_NOT_FOUND', { id });
    const match = matches.get(id);
    if (!match) throw notFound;
    checkVisible({ principal, name: 'Agent', record: match, notFound });
    const agent = agentNameOf(match.model);
    targets.set(id, { ...match, agent, isPaid: agent === 'default' });
  }
  return targets;
};

/** Throws CALLBACK_REFUSED for an address that this server does not call. */
const prepareCallback = async (
  context: ActionContext,
  { tenantId }: Principal,
  url: string,
): Promise<StoredWebhook> => {
  try {
    return await prepareWebhook(context, tenantId, { url });
  } catch (error) {
    if (!isKaziError(error, 'WEBHOOK_URL_REFUSED')) throw error;
    throw new KaziError('CALLBACK_REFUSED', { reason: error.details['reason'] ?? '' }, { cause: error });
  }
};

/** Throws TENANT_LIMIT_REACHED when the inputs alone would cost more than the tenant has left. */
const checkMoney = async (
  { db, budgets }: ActionContext,
  { tenantId }: Principal,
  estimateMicros: number,
): Promise<void> => {
  const account = await getAccount(db, { tenantId, kind: 'tenant', id: '' });
  const limit = account.maxCostMicros ?? budgets.tenantMaxCostMicros;
  if (limit === null || limit === 'unlimited') return;
  if (account.spentMicros + account.heldMicros + estimateMicros > limit)
    throw new KaziError('TENANT_LIMIT_REACHED', { limit: String(limit / 1_000_000) });
};

const store = async (
  context: ActionContext,
  principal: Principal,
  parts: {
    readonly submission: BatchSubmission;
    readonly targets: ReadonlyMap<string, ItemTarget>;
    readonly callback: StoredWebhook | null;
  },
): Promise<CreatedBatch> => {
  const { submission, targets, callback } = parts;
  const { db, notifications, batches, budgets, log } = context;
  const { draft, idempotencyScope: scope, hash } = submission;
  const { tenantId, userId } = principal;
  await context.directory.ensureOwner(tenantId, userId);
  const laneId = await ensureBatchLane(db, { tenantId, tenantCap: batches.tenantCap, share: LANE_SHARE });
  const id = randomUUID();
  const { level, maxCostMicros, maxRunMs } = jobLimits(defaultLimits(), null);
  const stored = await storeBatch(
    db,
    {
      id,
      tenantId,
      userId,
      total: draft.count,
      callback,
      requestHash: hash.readBigInt64BE(0).toString(),
      sessionNums: [...targets.values()].map(({ sessionNum }) => sessionNum),
      priority: BATCH_PRIORITY,
      budget: {
        limits: { level, maxCostMicros, maxRunMs },
        apiKeyId: principal.kind === 'api_key' ? principal.credentialId : null,
        sessionMaxCostMicros: budgets.sessionMaxCostMicros,
        tenantMaxCostMicros: budgets.tenantMaxCostMicros,
      },
      idempotency: scope && { scope, requestHash: hash, response: id },
      keepMs: KEEP_ANSWER_MS,
      retryWindowMs: submission.isRetry ? RETRY_WINDOW_MS : null,
    },
    draft.chunks(laneId, (profileId) => targetOf(targets, profileId)),
  );
  if (stored.kind === 'missing') throw new KaziError('PROFILE_NOT_FOUND', { id: firstOf(targets, stored.sessionNums) });
  if (stored.kind === 'replay') return await readReplay(context, submission, stored.batchId);
  notifications.publish('lanes', laneId);
  notifications.publish('batches', 0);
  notifications.publish('events', EVERYTHING);
  log.info({ batch: id, items: draft.count }, 'batch accepted');
  const batch = await getBatch(db, id);
  if (!batch) throw new Error(`found no batch ${id} after it was stored`);
  return { batch: asCreated(batch), isReplay: false };
};

/** Items run with the tools and limits of the default agent. */
const defaultLimits = () => {
  const agent = builtinAgent('default');
  if (!agent) throw new Error('there is no agent "default"');
  return agent.limits;
};

const targetOf = (targets: ReadonlyMap<string, ItemTarget>, profileId: string): ItemTarget => {
  const target = targets.get(profileId);
  if (!target) throw new Error(`found no target for ${profileId}`);
  return target;
};

/** Targets stand in the order of the request. */
const firstOf = (targets: ReadonlyMap<string, ItemTarget>, sessionNums: readonly number[]): string =>
  [...targets.values()].find(({ sessionNum }) => sessionNums.includes(sessionNum))?.sessionId ?? '';

const readReplay = async (
  context: ActionContext,
  submission: BatchSubmission,
  batchId: string | null,
): Promise<CreatedBatch> => {
  const batch = batchId === null ? undefined : await getBatch(context.db, batchId);
  if (batch) return { batch: asCreated(batch), isReplay: true };
  const replay = await findReplay(context, submission);
  if (!replay) throw new KaziError('IDEMPOTENCY_IN_PROGRESS');
  return replay;
};
