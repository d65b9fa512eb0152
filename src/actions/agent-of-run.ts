import type { Agent } from '../core/agent.ts';
import type { ClaimedJob } from '../core/job.ts';
import { isWorkerId } from '../core/worker-id.ts';
import type { Queryable } from '../storage/database.ts';
import { getJobSettings } from '../storage/workers.ts';
import { agentOfJob } from './resolve-agent.ts';

/** The agent that a job runs with: the one it was accepted with, as its worker set it up when the job first started. Throws UNKNOWN_AGENT. */
export const agentOfRun = async (db: Queryable, job: ClaimedJob): Promise<Agent> => {
  const agent = await agentOfJob(db, job);
  if (agent.runtime !== 'llm' || !isWorkerId(job.sessionId)) return agent;
  const { instructions, outputSchema } = await getJobSettings(db, job);
  return {
    ...agent,
    ...(instructions === '' ? {} : { instructions }),
    ...(outputSchema === null ? {} : { outputSchema: { $schema: DRAFT_07, ...outputSchema } }),
  };
};

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';
