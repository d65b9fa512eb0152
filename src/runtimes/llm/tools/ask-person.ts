import { z } from 'zod';
import { defineTool } from '../define-tool.ts';
import type { Tool } from '../tool.ts';

/** Asks whoever watches over the agent, and goes on when they have answered. */
export const askTool: Tool = {
  ...defineTool({
    name: 'ask',
    description:
      'Asks a person to confirm something, and waits, perhaps for hours, until they say yes or no, perhaps with a message. Use it before what cannot be undone, or when only a person can know.',
    input: z.object({
      question: z.string().trim().min(1).max(10_000).describe('What is to be confirmed, understandable by itself'),
    }),
    isRepeatable: true,
    // It runs only after the answer was yes.
    run: async (_input, call) =>
      await Promise.resolve({
        kind: 'done',
        content: call.approvalMessage === null ? 'A person said yes.' : 'A person said yes, with a message.',
        isError: false,
      }),
  }),
  asksPeople: true,
};
