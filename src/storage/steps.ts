import type { Step } from '../core/journal.ts';
import type { Queryable } from './database.ts';

/** The journal of a job, in order. */
export const listSteps = async (db: Queryable, jobId: string): Promise<Step[]> =>
  await db.query<Step>('steps/list', [jobId]);
