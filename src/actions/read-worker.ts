import { KaziError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import type { Principal } from '../core/principal.ts';
import type { WorkerActivity, WorkerEvent, WorkerUsage, WorkspaceFile } from '../core/worker.ts';
import { getJob } from '../storage/jobs.ts';
import { getWorkerActivity, listWaitingInputs, listWorkerEvents, sumWorkerUsage } from '../storage/worker-log.ts';
import type { ActionContext } from './context.ts';
import { type FoundWorker, findWorker } from './find-worker.ts';
import { listWorkerFiles } from './read-worker-files.ts';

/** A worker as its log tells it. */
export interface WorkerView extends FoundWorker {
  readonly activity: WorkerActivity;
  readonly newestJob: Job;
  /** Oldest first. */
  readonly events: readonly WorkerEvent[];
  /** Inputs that wait for their turn, in their order. */
  readonly waiting: readonly { readonly id: string; readonly question: string }[];
  readonly usage: WorkerUsage;
  readonly files: readonly WorkspaceFile[];
}

/** Files that are shown. */
const MOST_FILES = 1_000;

/** A worker with all that was said in it. Throws as findWorker does. */
export const readWorker = async (context: ActionContext, principal: Principal, id: string): Promise<WorkerView> =>
  await viewWorker(context, await findWorker(context, principal, id));

/** The same, for a worker that was found already. */
export const viewWorker = async (context: ActionContext, found: FoundWorker): Promise<WorkerView> => {
  const { db } = context;
  const { num } = found.session;
  const activity = await getWorkerActivity(db, num);
  const newestJob = activity && (await getJob(db, activity.newestJobId));
  if (!newestJob) throw new KaziError('WORKER_NOT_FOUND');
  const [events, waiting, usage, files] = await Promise.all([
    listEvents(context, { sessionNum: num, untilSeq: activity.newestSeq }),
    listWaitingInputs(db, num),
    sumWorkerUsage(db, num),
    listWorkerFiles(context, num, MOST_FILES),
  ]);
  return { ...found, activity, newestJob, events, waiting, usage, files };
};

/** Entries of one query; a long conversation has very many, and large ones. */
const PAGE_EVENTS = 1_000;

const listEvents = async (
  { db }: ActionContext,
  { sessionNum, untilSeq }: { readonly sessionNum: number; readonly untilSeq: number },
): Promise<readonly WorkerEvent[]> => {
  const events: WorkerEvent[] = [];
  for (;;) {
    const afterSeq = events.at(-1)?.seq ?? 0;
    const stretch = { sessionNum, afterSeq, untilSeq, withPieces: false, limit: PAGE_EVENTS };
    const page = await listWorkerEvents(db, stretch);
    events.push(...page);
    if (page.length < PAGE_EVENTS) return events;
  }
};
