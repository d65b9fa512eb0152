import type { BudgetLevel } from '../core/budget.ts';
import type { EventType } from '../core/event.ts';
import type { WorkerActivity, WorkerEvent, WorkerUsage } from '../core/worker.ts';
import type { Queryable } from './database.ts';

/** What a session is doing; undefined when it has no job. */
export const getWorkerActivity = async (db: Queryable, sessionNum: number): Promise<WorkerActivity | undefined> => {
  const [row] = await db.query<{
    newest_seq: number;
    is_busy: boolean | null;
    current_job: string | null;
    newest_job: string | null;
    budget: BudgetLevel | null;
  }>('workers/get-activity', [sessionNum]);
  if (!row || row.newest_job === null) return undefined;
  const isBusy = row.is_busy ?? false;
  return {
    isBusy,
    newestJobId: row.newest_job,
    budget: row.budget,
    currentJobId: isBusy ? row.current_job : null,
    newestSeq: row.newest_seq,
  };
};

/** Inputs that wait for their turn, in their order. */
export const listWaitingInputs = async (
  db: Queryable,
  sessionNum: number,
): Promise<readonly { readonly id: string; readonly question: string }[]> =>
  await db.query('workers/list-waiting', [sessionNum]);

/** Jobs of a session that have not ended, those for later included. */
export const listUnfinishedJobs = async (db: Queryable, sessionNum: number): Promise<readonly string[]> =>
  (await db.query<{ id: string }>('workers/list-unfinished', [sessionNum])).map(({ id }) => id);

/** The first input of a session. */
export const getFirstInput = async (db: Queryable, sessionNum: number): Promise<string> =>
  (await db.query<{ question: string }>('workers/get-first-input', [sessionNum]))[0]?.question ?? '';

/** A stretch of what people get to see of a session's log. */
export const listWorkerEvents = async (
  db: Queryable,
  stretch: {
    readonly sessionNum: number;
    readonly afterSeq: number;
    readonly untilSeq: number;
    /** True: with the pieces of messages that are not whole yet. */
    readonly withPieces: boolean;
    readonly limit: number;
  },
): Promise<WorkerEvent[]> => {
  const rows = await db.query<{
    seq: number;
    job_id: string | null;
    type: EventType;
    data: Record<string, unknown>;
    at: Date;
    message_id: string | null;
    role: 'user' | 'assistant' | null;
    content: unknown;
  }>('workers/list-events', [
    stretch.sessionNum,
    stretch.afterSeq,
    stretch.untilSeq,
    stretch.withPieces,
    stretch.limit,
  ]);
  return rows.map((row) => ({
    seq: row.seq,
    jobId: row.job_id,
    type: row.type,
    data: row.data,
    at: row.at,
    message: row.role === null ? null : { role: row.role, content: row.content },
    messageId: row.message_id,
  }));
};

/** What all turns of a session used. */
export const sumWorkerUsage = async (db: Queryable, sessionNum: number): Promise<WorkerUsage> => {
  const [row] = await db.query<{
    calls: number;
    unknown_cost_calls: number;
    cost_micros: number;
    internal_cost_micros: number;
    input_tokens: number;
    output_tokens: number;
    cache_read_tokens: number;
    cache_write_tokens: number;
    reasoning_tokens: number;
  }>('workers/sum-usage', [sessionNum]);
  if (!row) throw new Error('summing up a worker returned no row');
  return {
    modelCalls: row.calls,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    reasoningTokens: row.reasoning_tokens,
    costMicros: row.cost_micros,
    internalCostMicros: row.internal_cost_micros,
    hasUnknownCost: row.unknown_cost_calls > 0,
  };
};

/** Seq of the first start of a job, else of its end; undefined while it has neither. */
export const findTurnStart = async (db: Queryable, sessionNum: number, jobId: string): Promise<number | undefined> =>
  (await db.query<{ seq: number }>('workers/find-turn-start', [sessionNum, jobId]))[0]?.seq;

/** The job that was started last up to a place in the log. */
export const findLastStarted = async (db: Queryable, sessionNum: number, seq: number): Promise<string | undefined> =>
  (await db.query<{ job_id: string }>('workers/find-last-start', [sessionNum, seq]))[0]?.job_id;
