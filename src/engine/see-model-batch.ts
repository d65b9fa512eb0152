import type { Logger } from 'pino';
import type { ProviderAnswer } from '../core/model-batch.ts';
import type { BatchOrder, BatchSubmission, ModelBatches } from '../models/model.ts';
import type { Queryable } from '../storage/database.ts';
import { wakeJob } from '../storage/held-jobs.ts';
import { readBatchRest, storeModelAnswers } from '../storage/model-answers.ts';
import {
  beginBatchAttempt,
  type ClaimedBatch,
  endModelBatch,
  listKnownBatchIds,
  putOffBatch,
  readBatchRequests,
} from '../storage/model-batches.ts';
import type { Notifications } from '../storage/notifications.ts';

export interface BatchParts {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly batches: ModelBatches;
  /** False once this node may have lost its lease: somebody else may be about to hand the same batch in. */
  readonly isHeld: () => boolean;
  /** Longest time between two looks; so long, too, until a provider surely shows what came of an attempt that broke off. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** A batch that is refused so often for now is refused for good. */
const MAX_REFUSALS = 8;
/** The providers end a batch within a day; some time later there is nothing to hope for. */
const LOST_MS = 26 * 60 * 60 * 1_000;
const CHUNK_ANSWERS = 100;
const CHUNK_CHARACTERS = 8_000_000;

/** Brings a claimed batch as far as it goes now: hands it in, or looks how it fares, and lets go of it. */
export const seeModelBatch = async (parts: BatchParts, batch: ClaimedBatch): Promise<void> => {
  if (batch.providerId === null) await handIn(parts, batch);
  else await look(parts, { ...batch, providerId: batch.providerId });
};

const handIn = async (parts: BatchParts, batch: ClaimedBatch): Promise<void> => {
  const { db, batches, isHeld, signal, log } = parts;
  const order: BatchOrder = {
    id: batch.id,
    provider: batch.provider,
    requests: await readBatchRequests(db, batch.id),
  };
  if (batch.attempt !== null && !(await isCertainlyAbsent(parts, { batch, order, attempt: batch.attempt }))) return;
  // Written down before anything is sent: whoever finds it so looks at the provider first.
  if (!(await beginBatchAttempt(db, batch)) || !isHeld()) return;
  const result = await batches.submit(order, signal);
  log.info({ batch: batch.id, provider: batch.provider, requests: batch.requests, result: result.kind }, 'model batch');
  if (result.kind === 'submitted') await noteSubmitted(parts, batch, result.providerId);
  else if (result.kind === 'unknown') await putOffBatch(db, batch, { inMs: firstPollMs(parts) });
  else await refuse(parts, batch, result);
};

/** Looks for what an earlier attempt may have left at the provider, and takes it up. True when there is nothing. */
const isCertainlyAbsent = async (
  parts: BatchParts,
  {
    batch,
    order,
    attempt,
  }: {
    readonly batch: ClaimedBatch;
    readonly order: BatchOrder;
    readonly attempt: NonNullable<ClaimedBatch['attempt']>;
  },
): Promise<boolean> => {
  const { db, batches, pollMs, signal, log } = parts;
  const known = async (ids: readonly string[]): Promise<ReadonlySet<string>> =>
    await listKnownBatchIds(db, batch.provider, ids);
  const found = await batches.find(order, { since: attempt.at, known, signal });
  log.info({ batch: batch.id, provider: batch.provider, result: found.kind }, 'a model batch was looked for');
  if (found.kind === 'found') {
    await noteSubmitted(parts, batch, found.providerId);
    return false;
  }
  if (found.kind === 'absent' && attempt.agoMs >= pollMs) return true;
  if (attempt.agoMs >= LOST_MS) {
    await finish(parts, batch, { answer: null, error: 'nobody could tell whether the provider has it' });
    return false;
  }
  const inMs = found.kind === 'absent' ? pollMs - attempt.agoMs : pollMs;
  await putOffBatch(db, batch, { inMs });
  return false;
};

const noteSubmitted = async (parts: BatchParts, batch: ClaimedBatch, providerId: string): Promise<void> => {
  await putOffBatch(parts.db, batch, { inMs: firstPollMs(parts), submittedAs: providerId });
};

const refuse = async (
  parts: BatchParts,
  batch: ClaimedBatch,
  { answer, retryAfterMs }: Extract<BatchSubmission, { kind: 'refused' }>,
): Promise<void> => {
  const { db, pollMs } = parts;
  const isPassing = answer.status === 429 || answer.status === 408 || answer.status >= 500;
  if (isPassing && batch.refusals + 1 < MAX_REFUSALS) {
    const inMs = retryAfterMs ?? Math.min(pollMs, firstPollMs(parts) * 2 ** batch.refusals);
    await putOffBatch(db, batch, { inMs, isRefused: true });
    return;
  }
  await finish(parts, batch, { answer, error: `it was refused with status ${answer.status}` });
};

const look = async (parts: BatchParts, batch: ClaimedBatch & { readonly providerId: string }): Promise<void> => {
  const { batches, signal, log } = parts;
  const name = { provider: batch.provider, providerId: batch.providerId };
  const progress = await batches.poll(name, signal);
  if (progress.kind === 'ended') {
    if (await collect(parts, batch)) await finish(parts, batch, { answer: null, error: progress.error });
    return;
  }
  if (progress.kind === 'unreachable') {
    log.warn(
      { batch: batch.id, provider: batch.provider, reason: progress.reason },
      'a model batch cannot be looked at',
    );
  }
  await putOff(parts, batch);
};

/** To its next look; unless that is hopeless. */
const putOff = async (parts: BatchParts, batch: ClaimedBatch): Promise<void> => {
  if (batch.submittedMs < LOST_MS) {
    const inMs = Math.min(parts.pollMs, Math.max(firstPollMs(parts), batch.submittedMs / 10));
    await putOffBatch(parts.db, batch, { inMs });
  } else {
    await finish(parts, batch, { answer: null, error: 'the provider did not end it in time' });
  }
};

/** Writes all answers down that the provider has. False when that is for later, or for somebody else. */
const collect = async (parts: BatchParts, batch: ClaimedBatch & { readonly providerId: string }): Promise<boolean> => {
  const { db, batches, signal, log } = parts;
  const open = new Set((await readBatchRest(db, batch.id)).unanswered);
  let chunk: { readonly id: string; readonly answer: ProviderAnswer | null }[] = [];
  let characters = 0;
  try {
    for await (const result of batches.results({ provider: batch.provider, providerId: batch.providerId }, signal)) {
      if (!open.has(result.id)) continue;
      chunk.push(result);
      characters += result.answer?.body.length ?? 0;
      if (chunk.length < CHUNK_ANSWERS && characters < CHUNK_CHARACTERS) continue;
      if (!(await storeModelAnswers(db, batch, chunk))) return false;
      chunk = [];
      characters = 0;
    }
  } catch (error) {
    log.warn(
      { err: error, batch: batch.id, provider: batch.provider },
      'the results of a model batch cannot be read yet',
    );
    await putOff(parts, batch);
    return false;
  }
  return chunk.length === 0 || (await storeModelAnswers(db, batch, chunk));
};

/** Gives requests that are left the answer, wakes all that wait, and ends the batch: in this order, so that a crash in between costs a look. */
const finish = async (
  parts: BatchParts,
  batch: ClaimedBatch,
  { answer, error }: { readonly answer: ProviderAnswer | null; readonly error: string | null },
): Promise<void> => {
  const { db, notifications, log } = parts;
  const { unanswered } = await readBatchRest(db, batch.id);
  if (unanswered.length > 0) {
    const answers = unanswered.map((id) => ({ id, answer }));
    if (!(await storeModelAnswers(db, batch, answers))) return;
  }
  const { jobs } = await readBatchRest(db, batch.id);
  for (const jobId of jobs) {
    for (const lane of await wakeJob(db, jobId)) notifications.publish('lanes', lane);
  }
  await endModelBatch(db, batch, error);
  const left = unanswered.length;
  log.info({ batch: batch.id, provider: batch.provider, requests: batch.requests, left, error }, 'model batch ended');
};

const firstPollMs = ({ pollMs }: BatchParts): number => pollMs / 12;
