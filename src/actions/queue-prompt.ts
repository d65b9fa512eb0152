import type { Principal } from '../core/principal.ts';
import type { ActionContext } from './context.ts';
import { createJob } from './create-job.ts';
import type { CreatedJob } from './find-replay.ts';
import type { BusyRule, NewJob, RequestIdentity } from './new-job.ts';

/** An input that stands in the queue of its session until it is its turn. */
export interface NewPrompt {
  readonly sessionId: string;
  readonly question: string;
  /** Null = the default agent. */
  readonly agent: string | null;
  readonly ifBusy?: BusyRule;
  readonly request: RequestIdentity;
}

/** Queues a prompt; it starts at once where nothing else runs. Throws as createJob does. */
export const queuePrompt = async (
  context: ActionContext,
  principal: Principal,
  { sessionId, question, agent, ifBusy, request }: NewPrompt,
): Promise<CreatedJob> => {
  const { mostPrompts, promptKeepMs } = context.sessions;
  const job: NewJob = {
    question,
    agent,
    session: { sessionId, sessionKey: null },
    scheduleAt: null,
    metadata: null,
    priority: 0,
    ...(ifBusy ? { ifBusy } : {}),
    prompt: { most: mostPrompts, keepMs: promptKeepMs },
    request,
  };
  return await createJob(context, principal, job);
};
