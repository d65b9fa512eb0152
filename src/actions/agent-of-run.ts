import type { Agent } from '../core/agent.ts';
import { BUILTIN_MODELS } from '../core/builtin-models.ts';
import type { ClaimedJob } from '../core/job.ts';
import { findBatchFault, type ModelCalls } from '../core/model-batch.ts';
import { withProfile } from '../core/profile.ts';
import { isProfileId } from '../core/profile-id.ts';
import { isWorkerId } from '../core/worker-id.ts';
import type { Queryable } from '../storage/database.ts';
import { getJobProfile } from '../storage/profiles.ts';
import { getJobSettings } from '../storage/workers.ts';
import { agentOfJob } from './resolve-agent.ts';

/**
 * The agent that a job runs with: the one it was accepted with, and what its worker, or the profile of its session, says in
 * its place. Items of batches call models in the way that is given, where the model can be called so. Throws UNKNOWN_AGENT.
 */
export const agentOfRun = async (
  db: Queryable,
  job: ClaimedJob,
  itemModelCalls: ModelCalls = 'direct',
): Promise<Agent> => {
  const agent = await agentOfJob(db, job);
  if (agent.runtime !== 'llm') return agent;
  if (isWorkerId(job.sessionId)) return await asWorker(db, agent, job);
  if (agent.name !== 'default' || !isProfileId(job.sessionId)) return agent;
  const own = await asProfile(db, agent, job);
  return isItem(job) && own.model !== null && findBatchFault(own.model) === null
    ? { ...own, modelCalls: itemModelCalls }
    : own;
};

/** Items of batches say so, other work of a profile does not. */
const isItem = ({ metadata }: ClaimedJob): boolean => metadata?.['batch_item_id'] !== undefined;

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
