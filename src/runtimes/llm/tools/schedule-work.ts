import { z } from 'zod';
import { defineTool, failed } from '../define-tool.ts';

const YEAR_SECONDS = 365 * 86_400;

/** Hands in work for this conversation, for later. */
export const scheduleTool = defineTool({
  name: 'schedule',
  description:
    'Hands in work for this same conversation and workspace, to be done later: after a delay, or at a time. The work is a message to you, written so that it can be understood by itself. Returns at once.',
  input: z.object({
    work: z.string().trim().min(1).max(100_000).describe('The message that begins the later work'),
    after_seconds: z.int().min(1).max(YEAR_SECONDS).optional().describe('Delay from now'),
    at: z.iso.datetime({ offset: true }).optional().describe('Time with its offset, such as 2026-03-01T09:00:00Z'),
  }),
  // The same step hands in the same job.
  isRepeatable: true,
  run: async ({ work, after_seconds: afterSeconds, at }, call) => {
    if ((afterSeconds === undefined) === (at === undefined)) {
      return failed('Found both or neither of "after_seconds" and "at", expected exactly one of them.');
    }
    const time = at === undefined ? new Date(Date.now() + (afterSeconds ?? 0) * 1_000) : new Date(at);
    if (time.getTime() <= Date.now())
      return failed(`Found the time ${time.toISOString()}, expected one in the future.`);
    if (time.getTime() > Date.now() + YEAR_SECONDS * 1_000) {
      return failed(`Found the time ${time.toISOString()}, expected one within a year.`);
    }
    const jobId = await call.services.scheduleJob({ ordinal: call.ordinal, input: work, at: time });
    return {
      kind: 'done',
      content: `Scheduled for ${time.toISOString()} as job ${jobId}.`,
      isError: false,
      facts: { scheduled_job: jobId, schedule_at: time.getTime() / 1_000 },
    };
  },
});
