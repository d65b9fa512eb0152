import type { Job, JobOutcome } from '../../core/job.ts';
import type { Message } from '../../storage/messages.ts';
import { toDollars } from '../dollars.ts';

/** QueryResponse of a run that has ended, with what it said; null for a job that never ran. */
export const toQueryResponse = (job: Job, messages: readonly Message[]): Readonly<Record<string, unknown>> | null => {
  if (job.startedAt === null) return null;
  const said = messages.map(({ role, content }) => ({ type: role, role, content, session_id: job.sessionId }));
  const figures = toFigures(job.outcome);
  const structured =
    job.outcome?.structuredOutput === undefined ? {} : { structured_output: job.outcome.structuredOutput };
  const text = job.outcome?.text ?? null;
  const shared = { ...figures, session_id: job.sessionId, result: text, ...structured };
  return {
    ok: !figures.is_error,
    messages: [...said, { type: 'result', content: null, ...shared }],
    summary: { is_complete: job.state === 'complete', ...shared, text },
    session_id: job.sessionId,
  };
};

/** A run that its node never reported has no outcome: it failed with nothing known about it. */
const toFigures = (outcome: JobOutcome | null): { readonly is_error: boolean } & Readonly<Record<string, unknown>> => ({
  subtype: outcome?.subtype ?? 'error',
  duration_ms: outcome?.durationMs ?? null,
  duration_api_ms: outcome?.apiDurationMs ?? null,
  is_error: outcome?.isError ?? true,
  num_turns: outcome?.turns ?? null,
  total_cost_usd: toDollars(outcome?.costMicros ?? null),
  usage: outcome?.usage ?? null,
});
