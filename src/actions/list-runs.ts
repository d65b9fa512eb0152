import { KaziError } from '../core/errors.ts';
import type { JobState } from '../core/job.ts';
import { checkVisible } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import type { Run } from '../core/run.ts';
import { getRun, listRuns } from '../storage/runs.ts';
import type { ActionContext } from './context.ts';
import { findBatch } from './find-batch.ts';
import { readableUser } from './list-jobs.ts';
import { type PageRequest, readPage } from './page.ts';

/** The run of that job, if the principal may read it. Throws RUN_NOT_FOUND, and RECORD_MISSING_OWNER. */
export const findRun = async (context: ActionContext, principal: Principal, jobId: string): Promise<Run> => {
  const run = await getRun(context.db, jobId);
  const notFound = new KaziError('RUN_NOT_FOUND', { id: `run-${jobId}` });
  if (!run || run.tenantId !== principal.tenantId) throw notFound;
  checkVisible({ principal, name: 'Run', record: run, notFound });
  return run;
};

export interface RunListRequest extends PageRequest {
  readonly profileIds: readonly string[] | null;
  /** A UUID. */
  readonly batchId: string | null;
  readonly states: readonly JobState[] | null;
  readonly stopReason: string | null;
}

/** Runs that the principal may read; none of a batch or profile that it may not. Throws UNKNOWN_REFERENCE, REVERSED_REFERENCES. */
export const listReadableRuns = async (
  context: ActionContext,
  principal: Principal,
  request: RunListRequest,
): Promise<Run[]> => {
  const batchNum = request.batchId === null ? null : await findBatchNum(context, principal, request.batchId);
  const filter = {
    tenantId: principal.tenantId,
    userId: readableUser(principal),
    sessionIds: principal.sessionIds,
    profileIds: request.profileIds,
    batchNum: batchNum ?? null,
    states: request.states,
    stopReason: request.stopReason,
  };
  return await readPage({
    request,
    placeOf: async (id) => {
      try {
        return (await findRun(context, principal, id)).num;
      } catch (error) {
        throw new KaziError('UNKNOWN_REFERENCE', { kind: 'Run', id: `run-${id}` }, { cause: error });
      }
    },
    list: async (stretch) => (batchNum === undefined ? [] : await listRuns(context.db, filter, stretch)),
  });
};

const findBatchNum = async (
  context: ActionContext,
  principal: Principal,
  batchId: string,
): Promise<number | undefined> => {
  try {
    return (await findBatch(context, principal, batchId)).num;
  } catch (error) {
    if (error instanceof KaziError && error.code === 'BATCH_NOT_FOUND') return undefined;
    throw error;
  }
};
