import type { Job } from '../../core/job.ts';
import type { Message } from '../../storage/messages.ts';
import { toDollars } from '../dollars.ts';

/** QueryResponse of a run that has ended, with what it said. */
export const toQueryResponse = (job: Job, messages: readonly Message[]): Readonly<Record<string, unknown>> => {
  const said = messages.map(({ role, content }) => ({ type: role, role, content, session_id: job.sessionId }));
  const figures = toFigures(job);
  const structured =
    job.outcome?.structuredOutput === undefined ? {} : { structured_output: job.outcome.structuredOutput };
  const text = job.outcome?.text ?? null;
  const shared = { ...figures, session_id: job.sessionId, result: text, ...structured };
  return {
    ok: !figures.is_error,
    messages: [
      ...said,
      { type: 'result', content: null, ...shared, ...(job.error === null ? {} : { error: job.error }) },
    ],
    summary: { is_complete: job.state === 'complete', ...shared, text },
    session_id: job.sessionId,
  };
};

/** A run that its node never reported has no outcome: unless somebody canceled it, it failed with nothing known about it. */
const toFigures = ({ outcome, state }: Job): { readonly is_error: boolean } & Readonly<Record<string, unknown>> => ({
  subtype: outcome?.subtype ?? (state === 'canceled' ? 'cancelled' : 'error'),
  duration_ms: outcome?.durationMs ?? null,
  duration_api_ms: outcome?.apiDurationMs ?? null,
  is_error: outcome?.isError ?? state !== 'canceled',
  num_turns: outcome?.turns ?? null,
  total_cost_usd: toDollars(outcome?.costMicros ?? null),
  usage: outcome?.usage ?? null,
});
