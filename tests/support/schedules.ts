import { createHash, randomUUID } from 'node:crypto';
import type { ActionContext } from '../../src/actions/context.ts';
import { createSchedule } from '../../src/actions/create-schedule.ts';
import type { Principal } from '../../src/core/principal.ts';
import { DEFAULT_POLICY } from '../../src/core/schedule/default-policy.ts';
import type { SchedulePolicy, ScheduleTerms } from '../../src/core/schedule/schedule.ts';
import type { Rows } from './rows.ts';

export type ScheduleParts = Partial<Omit<ScheduleTerms, 'policy' | 'webhook'>> & {
  readonly policy?: Partial<SchedulePolicy>;
  readonly sessionMode?: 'same' | 'new';
  readonly sessionId?: string;
};

/** Makes a schedule, by the hour unless something else is said; gives its id. */
export const makeSchedule = async (
  context: ActionContext,
  principal: Principal,
  { policy, sessionMode = 'same', sessionId, ...terms }: ScheduleParts = {},
): Promise<string> => {
  const created = await createSchedule(context, principal, {
    terms: {
      name: 'test',
      question: 'work',
      agent: 'echo',
      kind: 'cron',
      runAt: null,
      cron: (terms.kind ?? 'cron') === 'cron' ? '0 * * * *' : null,
      timezone: 'UTC',
      periodSeconds: null,
      enabled: true,
      metadata: null,
      budget: null,
      policy: { ...DEFAULT_POLICY, ...(sessionMode === 'new' ? { overlap: 'skip' } : {}), ...policy },
      ...terms,
    },
    webhook: null,
    session: { sessionId: sessionId ?? null, sessionKey: null },
    sessionMode,
    request: {
      idempotencyScope: null,
      hash: createHash('sha256').update(randomUUID()).digest(),
      isRetry: false,
      toResponse: (schedule) => schedule.id,
    },
  });
  return created.response;
};

/** Makes a schedule's next due time one that has passed, so many seconds ago; gives that time. */
export const makeDue = async (rows: Rows, id: string, secondsAgo: number): Promise<Date> => {
  const [row] = await rows<{ at: Date }>(
    `update schedules set next_due_at = d.at, next_fire_at = d.at
     from (select date_trunc('second', clock_timestamp()) - $2::integer * interval '1 s' as at) d
     where id = $1 returning next_due_at as at`,
    [id, secondsAgo],
  );
  if (!row) throw new Error(`found no schedule ${id}`);
  return row.at;
};

/** Runs of a schedule, oldest due time first, as text. */
export const runsOf = async (rows: Rows, id: string): Promise<readonly string[]> =>
  (
    await rows<{ text: string }>(
      `select concat_ws(' ', trigger, outcome, reason) as text from schedule_runs where schedule_id = $1 order by due_at`,
      [id],
    )
  ).map(({ text }) => text);

/** Jobs that schedules have made, by schedule. */
export const countJobs = async (rows: Rows): Promise<ReadonlyMap<string, number>> => {
  const counts = await rows<{ id: string; count: string }>(
    `select metadata ->> 'schedule_id' as id, count(*) from jobs where metadata ? 'schedule_id' group by 1`,
  );
  return new Map(counts.map(({ id, count }) => [id, Number(count)]));
};
