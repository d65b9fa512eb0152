import type { Agent } from '../core/agent.ts';
import { BUILTIN_MODELS } from '../core/builtin-models.ts';
import type { ClaimedJob } from '../core/job.ts';
import { withProfile } from '../core/profile.ts';
import { isProfileId } from '../core/profile-id.ts';
import { isWorkerId } from '../core/worker-id.ts';
import type { Queryable } from '../storage/database.ts';
import { getJobProfile } from '../storage/profiles.ts';
import { getJobSettings } from '../storage/workers.ts';
import { agentOfJob } from './resolve-agent.ts';

/**
 * The agent that a job runs with: the one it was accepted with, and what its worker, or the profile of its session, says in
 * its place. Throws UNKNOWN_AGENT.
 */
export const agentOfRun = async (db: Queryable, job: ClaimedJob): Promise<Agent> => {
  const agent = await agentOfJob(db, job);
  if (agent.runtime !== 'llm') return agent;
  if (isWorkerId(job.sessionId)) return await asWorker(db, agent, job);
  return agent.name === 'default' && isProfileId(job.sessionId) ? await asProfile(db, agent, job) : agent;
};

/** As the worker was set up when the job first started. */
const asWorker = async (db: Queryable, agent: Agent, job: ClaimedJob): Promise<Agent> => {
  const { instructions, outputSchema } = await getJobSettings(db, job);
  return {
    ...agent,
    ...(instructions === '' ? {} : { instructions }),
    ...(outputSchema === null ? {} : { outputSchema: { $schema: DRAFT_07, ...outputSchema } }),
  };
};

const asProfile = async (db: Queryable, agent: Agent, job: ClaimedJob): Promise<Agent> => {
  const profile = await getJobProfile(db, job);
  // A script's model is no model: such a session has work of the default agent only when that is sent to it by hand.
  return profile && !BUILTIN_MODELS.includes(profile.model) ? withProfile(agent, profile) : agent;
};

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';
