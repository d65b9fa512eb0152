import { KaziError } from '../core/errors.ts';
import type { Job } from '../core/job.ts';
import { checkOwnership } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import { getJob } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';

/** Which job a request means, and as part of which session, if it named one. */
export interface JobReference {
  readonly jobId: string;
  readonly namedSessionId: string | null;
}

/** The job, if the principal may read it. Throws JOB_NOT_FOUND, then the ownership errors. */
export const findJob = async (context: ActionContext, principal: Principal, reference: JobReference): Promise<Job> => {
  const job = await getJob(context.db, reference.jobId);
  if (!job) throw new KaziError('JOB_NOT_FOUND');
  checkOwnership({ principal, kind: 'Job', record: job, namedSessionId: reference.namedSessionId });
  return job;
};
