import { z } from 'zod';
import { KaziError } from '../../../core/errors.ts';
import type { ChildJob } from '../../runtime.ts';
import { defineTool, failed } from '../define-tool.ts';
import type { ToolResult } from '../tool.ts';

/** The end of the job wakes this one; should that be missed, it looks for itself. */
const LOOK_AGAIN_MS = 60_000;

/** Has another job do a part of the work, and waits for it without holding anything. */
export const spawnTool = defineTool({
  name: 'spawn',
  description:
    'Has another agent do a part of the work in a conversation and workspace of its own, and waits for its answer. It knows nothing of this conversation: give it all that it needs. Several calls in one message run at the same time. Its cost counts to this job.',
  input: z.object({
    work: z.string().trim().min(1).max(100_000).describe('The whole task, understandable by itself'),
    agent: z.string().trim().min(1).optional().describe('Name of the agent; the default one when absent'),
    budget: z.enum(['low', 'standard', 'high']).optional().describe('How much it may take'),
  }),
  // The same step hands in the same job.
  isRepeatable: true,
  run: async ({ work, agent, budget }, call) => {
    try {
      const child = await call.services.spawnJob({
        ordinal: call.ordinal,
        input: work,
        agent: agent ?? null,
        budget: budget ?? null,
      });
      return 'refusal' in child ? failed(child.refusal) : describeChild(child);
    } catch (error) {
      // An agent that does not exist, a budget that is used up: for the model to read.
      if (error instanceof KaziError && error.status < 500) return failed(error.message);
      throw error;
    }
  },
});

const describeChild = (child: ChildJob): ToolResult => {
  const facts = { spawned_job: child.id, session_id: child.sessionId, state: child.state };
  switch (child.state) {
    case 'queued':
    case 'running':
      return { kind: 'waiting', reason: `Waiting for the job ${child.id}`, wakeAfterMs: LOOK_AGAIN_MS };
    case 'complete':
      return { kind: 'done', content: describeAnswer(child), isError: false, facts };
    case 'failed':
      return failed(
        `The job ${child.id} failed: ${child.error ?? 'no reason is known'}\n${describeAnswer(child)}`,
        facts,
      );
    case 'canceled':
      return failed(`The job ${child.id} was canceled.`, facts);
  }
};

const describeAnswer = ({ text, artifacts }: ChildJob): string =>
  [text ?? '(no answer)', ...(artifacts.length === 0 ? [] : [`Files that it published: ${artifacts.join(', ')}`])].join(
    '\n\n',
  );
