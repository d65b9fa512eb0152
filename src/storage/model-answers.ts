import type { ProviderAnswer } from '../core/model-batch.ts';
import type { Queryable } from './database.ts';
import { toDatabaseText } from './json.ts';
import type { BatchClaim } from './model-batches.ts';

/** Writes answers down, once each; null: the request expired. False when the claim was lost. */
export const storeModelAnswers = async (
  db: Queryable,
  { id, claimNum }: BatchClaim,
  answers: readonly { readonly id: string; readonly answer: ProviderAnswer | null }[],
): Promise<boolean> => {
  const [row] = await db.query<{ stored: boolean }>('model-batches/store-answers', [
    id,
    claimNum,
    answers.map((one) => one.id),
    answers.map((one) => one.answer?.status ?? null),
    answers.map((one) => (one.answer === null ? null : toDatabaseText(one.answer.body))),
  ]);
  return row?.stored ?? false;
};

/** What is left to do for a batch that has ended: requests without an answer, and jobs that may wait for one. */
export const readBatchRest = async (
  db: Queryable,
  batchId: string,
): Promise<{ readonly unanswered: readonly string[]; readonly jobs: readonly string[] }> => {
  const unanswered = await db.query<{ id: string }>('model-batches/unanswered', [batchId]);
  const jobs = await db.query<{ job_id: string }>('model-batches/jobs', [batchId]);
  return { unanswered: unanswered.map(({ id }) => id), jobs: jobs.map((row) => row.job_id) };
};
