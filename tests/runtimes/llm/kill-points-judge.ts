import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { LoggedRequest } from '../../../src/models/scripted/request-log.ts';
import type { Rows } from '../../support/rows.ts';
import type { KillCase } from './kill-points-case.ts';
import { FORMATS, type FormatName } from './llm-node.ts';

export interface KilledRun {
  readonly killed: KillCase;
  readonly format: FormatName;
  readonly jobId: string;
  /** The model's own log. */
  readonly requests: readonly LoggedRequest[];
  readonly query: Rows;
}

const MENDED = [
  '#!/bin/sh',
  'total=0',
  'for number in 1 2 3 4; do',
  '  total=$((total + number))',
  'done',
  '[ "$total" = 10 ] || { echo "wrong total $total" >&2; exit 3; }',
  'echo "$total" > total.txt',
  '',
].join('\n');

/** What is not as it would have been had nobody killed anything; all of it in the words of found and expected. */
export const judgeKilledRun = async (run: KilledRun): Promise<readonly string[]> => {
  const pairs = [...(await jobPairs(run)), ...(await tracePairs(run)), ...(await moneyPairs(run)), ...modelPairs(run)];
  return pairs.flatMap(([what, found, expected]) =>
    isDeepStrictEqual(found, expected)
      ? []
      : [`${run.killed.point}: ${what}: found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`],
  );
};

type Pair = readonly [what: string, found: unknown, expected: unknown];

const jobPairs = async ({ killed, format, jobId, query }: KilledRun): Promise<readonly Pair[]> => {
  const [job] = await query<{
    state: string;
    error: string | null;
    attempts: number;
    lease_id: string | null;
    outcome: Readonly<Record<string, unknown>> | null;
  }>('select state, error, attempts, lease_id, outcome from jobs where id = $1', [jobId]);
  const { turns } = killed;
  const { text, usage, costMicros, toolCalls, models } = job?.outcome ?? {};
  return [
    ['the end', [job?.state, job?.error, job?.lease_id], ['complete', null, null]],
    ['attempts', job?.attempts, killed.attempts],
    ['the answer', text, 'The numbers add up to 10.'],
    [
      'usage of the outcome',
      usage,
      {
        requests: turns,
        input_tokens: turns * 1_000,
        output_tokens: turns * 50,
        total_tokens: turns * 1_050,
      },
    ],
    ['cost of the outcome', costMicros, turns * FORMATS[format].microsPerCall],
    ['turns and tool calls', [job?.outcome?.['turns'], toolCalls], [turns, turns - 1]],
    ['models', models, [FORMATS[format].model]],
  ];
};

/** What the run left: steps, messages, events, files. */
const tracePairs = async ({ killed, jobId, query }: KilledRun): Promise<readonly Pair[]> => {
  const rowsOfJob = async <Row>(sql: string): Promise<Row[]> => await query<Row>(sql, [jobId]);
  const steps = await rowsOfJob<{ ordinal: number; text: string }>(
    `select ordinal, concat_ws(' ', kind, name, state) as text from steps where job_id = $1 order by ordinal`,
  );
  const messages = await rowsOfJob<{ role: string }>('select role from messages where job_id = $1 order by seq');
  const ends = await rowsOfJob<{ ordinal: number }>(
    `select (data ->> 'ordinal')::integer as ordinal from events
     where job_id = $1 and type in ('step.finished', 'step.failed') order by seq`,
  );
  const events = await rowsOfJob<{ type: string; n: number }>(
    `select type, count(*)::integer as n from events where job_id = $1 and type in
       ('job.submitted', 'job.started', 'job.requeued', 'job.completed', 'message.delta', 'message.created')
     group by type order by type collate "C"`,
  );
  const [newest] = await rowsOfJob<{ type: string }>(
    'select type from events where job_id = $1 order by seq desc limit 1',
  );
  const [session] = await rowsOfJob<{ isWhole: boolean }>(
    `select s.event_seq = (select max(e.seq) from events e where e.session_num = s.num) and s.running_job is null
       and s.head_job is null as "isWhole"
     from jobs j join sessions s on s.num = j.session_num where j.id = $1`,
  );
  const artifacts = await rowsOfJob<{ path: string; sha256: string }>(
    'select path, sha256 from artifacts where job_id = $1 order by path',
  );
  const ordinals = killed.steps.map((_, index) => index + 1);
  return [
    ['steps', steps.map(({ text }) => text), killed.steps],
    ['ordinals of the steps', steps.map(({ ordinal }) => ordinal), ordinals],
    ['steps that ended, in order', ends.map(({ ordinal }) => ordinal), ordinals],
    [
      'who spoke',
      messages.map(({ role }) => role),
      ['user', ...ordinals.map((ordinal) => (ordinal % 2 === 1 ? 'assistant' : 'user'))],
    ],
    ['events', Object.fromEntries(events.map(({ type, n }) => [type, n])), eventsOf(killed)],
    ['the newest event', newest?.type, 'job.completed'],
    ['the session is at rest and its log whole', session?.isWhole, true],
    [
      'artifacts',
      artifacts.map(({ path, sha256 }) => [path, sha256]),
      [
        ['runs.log', hashOf('run\n'.repeat(killed.programRuns))],
        ['sum.sh', hashOf(MENDED)],
        ['total.txt', hashOf('10\n')],
      ],
    ],
  ];
};

/** The question's own message came with the claim, without an event. */
const eventsOf = ({ attempts, steps }: KillCase): Readonly<Record<string, number>> => ({
  'job.completed': 1,
  ...(attempts > 1 ? { 'job.requeued': attempts - 1 } : {}),
  'job.started': attempts,
  'job.submitted': 1,
  'message.created': steps.length,
});

const moneyPairs = async ({ killed, format, jobId, query }: KilledRun): Promise<readonly Pair[]> => {
  const { turns } = killed;
  const spent = turns * FORMATS[format].microsPerCall;
  const calls = await query('select ordinal from model_calls where job_id = $1 order by ordinal', [jobId]);
  const [budget] = await query(
    `select model_calls, spent_micros::integer as spent, held_micros::integer as held, own_held_micros::integer as own,
       closed_at is not null as closed from job_budgets where job_id = $1`,
    [jobId],
  );
  // Of all jobs so far: the tenant and its key are the same for all of them.
  const wrong = await query(
    `select a.kind, a.id, a.spent_micros, a.held_micros, a.requests from accounts a
     where a.held_micros <> 0
       or a.spent_micros <> (select coalesce(sum(c.cost_micros), 0) from model_calls c where c.tenant_id = a.tenant_id
         and (a.kind = 'tenant' or (a.kind = 'session' and c.session_id = a.id) or (a.kind = 'api_key' and c.api_key_id = a.id)))
       or (a.kind = 'session' and a.requests <> 1)`,
  );
  const ordinals = Array.from({ length: turns }, (_, index) => index * 2 + 1);
  return [
    ['model calls that were paid', calls.map((call) => call['ordinal']), ordinals],
    ['the budget of the job', budget, { model_calls: turns, spent, held: 0, own: 0, closed: true }],
    ['accounts that do not add up', wrong, []],
  ];
};

/** By the model's own log: every turn once, in order, but for the one in flight, which is asked for a second time in the same words. */
const modelPairs = ({ killed, requests }: KilledRun): readonly Pair[] => {
  const expected = Array.from({ length: killed.turns }, (_, turn) =>
    turn === killed.askedTwice ? [turn, turn] : [turn],
  );
  const twice = requests.filter(({ turn }) => turn === killed.askedTwice).map(({ body }) => body);
  const refused = requests.filter(({ result }) => result === 'refused' || result === 'fault').map(({ fault }) => fault);
  return [
    ['turns that the model was asked for', requests.map(({ turn }) => turn), expected.flat()],
    ['requests that the model refused', refused, []],
    ['what was asked the second time', twice[1], twice[0]],
  ];
};

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
