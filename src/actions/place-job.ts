import { isKaziError } from '../core/errors.ts';
import { nameHint } from '../core/name-hint.ts';
import type { Principal } from '../core/principal.ts';
import { getRunningJob } from '../storage/sessions.ts';
import {
  type JobSubmission,
  type Placement,
  type PlacementOutcome,
  placeJob as storePlacement,
} from '../storage/submissions.ts';
import { followCancel } from './cancel-run.ts';
import type { ActionContext } from './context.ts';
import type { NewJob } from './new-job.ts';
import { agentOfJob } from './resolve-agent.ts';

/** Longest input that merging makes: that of a question (jobs API, section 4). */
const MERGED_CHARACTERS = 20_000;
const OUTCOMES: readonly PlacementOutcome[] = ['started', 'queued', 'interrupted', 'steered', 'merged', 'dropped'];

/**
 * Accepts one job by the rule that its client chose for a busy session, and tells whom it concerns. Throws QUEUE_FULL, SESSION_BUSY,
 * RECORD_USER_MISMATCH.
 */
export const placeJob = async (
  context: ActionContext,
  principal: Principal,
  { submission, job }: { readonly submission: JobSubmission; readonly job: NewJob },
): Promise<{ readonly placement: Placement; readonly response: string }> => {
  const mode = job.ifBusy ?? 'enqueue';
  const { toResponse } = job.request;
  const responses = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, toResponse(submission.id, outcome)]));
  const placement = await storePlacement(context.db, submission, {
    mode,
    targetJobId: mode === 'steer' ? await findSteerable(context, principal, { submission, job }) : null,
    mostPrompts: job.prompt?.most ?? null,
    mostCharacters: MERGED_CHARACTERS,
    responses: responses as Readonly<Record<PlacementOutcome, string>>,
  });
  await announce(context, placement, submission);
  const outcome = placement.outcome === 'replay' ? 'queued' : placement.outcome;
  const response = toResponse(placement.jobId ?? submission.id, outcome)
    .replace('{queue_length}', String(placement.queueLength ?? 0))
    .replace('{expires_at}', String(placement.expiresAt?.getTime() ?? 0));
  return { placement, response };
};

/** The run of the session, if it listens: agents without a model do not, nor does one that was not meant. */
const findSteerable = async (
  context: ActionContext,
  { tenantId }: Principal,
  { submission, job }: { readonly submission: JobSubmission; readonly job: NewJob },
): Promise<string | null> => {
  if (submission.sessionNum === null) return null;
  const running = await getRunningJob(context.db, submission.sessionNum);
  if (!running || (job.agent !== null && submission.agent !== running.agent)) return null;
  try {
    const { runtime } = await agentOfJob(context.db, { tenantId, ...running });
    return runtime === 'llm' ? running.jobId : null;
  } catch (error) {
    if (isKaziError(error, 'UNKNOWN_AGENT')) return null;
    throw error;
  }
};

const announce = async (context: ActionContext, placement: Placement, submission: JobSubmission): Promise<void> => {
  const { notifications } = context;
  const { outcome, sessionNum, targetJobId, lanes } = placement;
  for (const lane of lanes) notifications.publish('lanes', lane);
  if (lanes.length === 0) notifications.publish('lanes', 0);
  if (submission.sessionNum === null)
    notifications.publish('sessions', nameHint(submission.tenantId, submission.sessionId));
  if (sessionNum !== null) notifications.publish('events', sessionNum);
  if (targetJobId === null || sessionNum === null) return;
  if (outcome === 'steered') notifications.publish('news', targetJobId);
  if (outcome === 'interrupted') await followCancel(context, targetJobId, { sessionNum, lanes: [] });
};
