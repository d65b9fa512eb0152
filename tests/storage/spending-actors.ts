import { randomUUID } from 'node:crypto';
import { jobLimits } from '../../src/core/budget.ts';
import type { ClaimedJob } from '../../src/core/job.ts';
import type { JournalEntry } from '../../src/core/journal.ts';
import type { ModelCall } from '../../src/core/model-call.ts';
import { admitJob, holdSpend, type NewJobBudget } from '../../src/storage/budgets.ts';
import type { Database } from '../../src/storage/database.ts';
import { releaseJobs, writeJournal } from '../../src/storage/held-jobs.ts';
import { cancelJob } from '../../src/storage/jobs.ts';
import { acceptJob, claim, goodEnd, makeEntry } from '../support/factories.ts';
import type { Rows } from '../support/rows.ts';
import type { Dice } from './dispatch-actors.ts';

/** A paid call of a model; the price is unknown where the cost is null. */
export const makeCall = (costMicros: number | null): ModelCall => ({
  provider: 'openai',
  model: 'gpt-5',
  usage: { inputTokens: 100, cacheReadTokens: 10, cacheWriteTokens: 1, outputTokens: 20, reasoningTokens: 5 },
  costMicros,
  durationMs: 12,
});

/** The entry of a finished step whose model call has that cost. */
export const makeCallEntry = (
  job: ClaimedJob,
  call: { readonly ordinal: number; readonly costMicros: number | null },
  parts: Partial<JournalEntry> = {},
): JournalEntry => {
  const { ordinal } = call;
  const step = { ordinal, kind: 'model', name: 'model', state: 'finished', input: null, output: null } as const;
  const event = { type: 'step.finished', data: { ordinal }, step, modelCall: makeCall(call.costMicros) } as const;
  return makeEntry(job, { writeNum: ordinal, events: [event], ...parts });
};

/** A budget without limits but those that are given. */
export const makeBudget = (
  parts: Pick<NewJobBudget, 'tenantId' | 'sessionId'> & Partial<NewJobBudget>,
): NewJobBudget => ({
  jobId: randomUUID(),
  userId: null,
  apiKeyId: null,
  parentJobId: null,
  limits: jobLimits({ budget: 'unlimited', maxModelCalls: null, maxCostMicros: null, maxRunMs: null }, null),
  estimateMicros: 0,
  sessionMaxRequests: null,
  sessionMaxCostMicros: null,
  tenantMaxCostMicros: null,
  isCounted: parts.parentJobId === undefined || parts.parentJobId === null,
  ...parts,
});

/** What must hold at every commit, whoever spends. */
const INVARIANTS: Readonly<Record<string, string>> = {
  'an account does not hold what its jobs hold, or has not spent what they have': `
    with own as (
      select b.*, b.spent_micros - coalesce((select sum(c.spent_micros) from job_budgets c where c.parent_job = b.job_id), 0) as own_spent
      from job_budgets b
    ),
    expected as (
      select tenant_id, 'tenant' as kind, '' as id, sum(own_held_micros) as held, sum(own_spent) as spent from own group by 1
      union all select tenant_id, 'session', session_id, sum(own_held_micros), sum(own_spent) from own group by 1, 3
      union all select tenant_id, 'api_key', api_key_id, sum(own_held_micros), sum(own_spent) from own where api_key_id is not null group by 1, 3
    )
    select * from expected e left join accounts a using (tenant_id, kind, id)
    where a.held_micros is distinct from e.held or a.spent_micros is distinct from e.spent`,
  'a job does not hold what it and its children hold': `
    select b.job_id, b.held_micros, b.own_held_micros from job_budgets b
    where b.held_micros <> b.own_held_micros
      + coalesce((select sum(c.held_micros) from job_budgets c where c.parent_job = b.job_id), 0)`,
  'a job that ended holds something': `select job_id from job_budgets where closed_at is not null and own_held_micros <> 0`,
  'the requests of a session are not those of its jobs that wait, run or called a model': `
    select a.tenant_id, a.id, a.requests, count(b.job_id) from accounts a
    left join job_budgets b on b.tenant_id = a.tenant_id and b.session_id = a.id and b.parent_job is null
      and (b.closed_at is null or b.model_calls > 0)
    where a.kind = 'session' group by a.tenant_id, a.id, a.requests having a.requests <> count(b.job_id)`,
  'the calls of a job are not those that are recorded': `
    select b.job_id, b.model_calls, count(c.ordinal) from job_budgets b left join model_calls c on c.job_id = b.job_id
    group by b.job_id having b.model_calls <> count(c.ordinal)`,
};

/** Every breach of an invariant, in words; none when all is well. */
export const findSpendingBreaches = async (rows: Rows): Promise<readonly string[]> => {
  const breaches: string[] = [];
  for (const [claimed, sql] of Object.entries(INVARIANTS)) {
    const found = await rows(sql);
    if (found.length > 0) breaches.push(`${claimed}: ${found.length} of ${JSON.stringify(found.slice(0, 3))}`);
  }
  return breaches;
};

/** One place that work is handed in to. */
export interface Payer {
  readonly tenantId: string;
  readonly laneId: number;
  readonly sessionId: string;
  readonly apiKeyId: string | null;
}

/** What the actors share. */
export interface Purse {
  readonly db: Database;
  readonly nodeId: number;
  readonly payers: readonly Payer[];
  /** Micro-dollars that each job was charged with for its own calls, as the actors know it. */
  readonly charged: Map<string, number>;
  /** By how much a call cost more than was held for it, by job. */
  readonly overrun: Map<string, number>;
  readonly counts: Record<'refused' | 'reached' | 'orphaned' | 'canceled' | 'spawned' | 'unknown' | 'dropped', number>;
}

const add = (sums: Map<string, number>, key: string, amount: number): void =>
  void sums.set(key, (sums.get(key) ?? 0) + amount);

/** Hands in jobs: some are refused, some never arrive, some are canceled while they wait. */
export const handIn = async (purse: Purse, dice: Dice, count: number): Promise<void> => {
  const { db, counts } = purse;
  for (let made = 0; made < count; made += 1) {
    const payer = dice.pick(purse.payers);
    const id = await admit(purse, dice, payer, null);
    if (id === null) continue;
    if (dice.oneIn(12)) {
      counts.orphaned += 1;
      continue;
    }
    await acceptJob(db, { ...payer, id });
    if (dice.oneIn(6) && (await cancelJob(db, id))?.hasChanged) counts.canceled += 1;
  }
};

const admit = async (purse: Purse, dice: Dice, payer: Payer, parentJobId: string | null): Promise<string | null> => {
  const estimateMicros = dice.below(40);
  const budget = makeBudget({
    ...payer,
    parentJobId,
    estimateMicros,
    limits: { ...makeBudget(payer).limits, maxCostMicros: 400 },
  });
  if (await admitJob(purse.db, budget)) {
    purse.counts.refused += 1;
    return null;
  }
  return budget.jobId;
};

/** One run: a claimed job, and how many of its writes there have been. */
interface Run {
  readonly job: ClaimedJob;
  writes: number;
}

/** Claims several jobs at a time, of any tenants, and writes for all of them in one batch, until there are none. */
export const runJobs = async (purse: Purse, dice: Dice, isOver: () => boolean): Promise<void> => {
  const { db, nodeId } = purse;
  for (;;) {
    const wasOver = isOver();
    const runs: Run[] = (await claim(db, { nodeId, slots: 1 + dice.below(5) })).map((job) => ({ job, writes: 0 }));
    if (runs.length === 0 && wasOver) return;
    await runBatch(purse, dice, runs);
  }
};

const runBatch = async (purse: Purse, dice: Dice, claimed: readonly Run[]): Promise<void> => {
  let runs = claimed;
  while (runs.length > 0) {
    const entries: JournalEntry[] = [];
    const next: Run[] = [];
    for (const run of runs) {
      const outcome = await takeTurn(purse, dice, run);
      if (outcome === null) continue;
      entries.push(outcome);
      if (outcome.finish === null) next.push(run);
    }
    const answers = await writeJournal(purse.db, entries);
    const lost = answers.filter((answer) => answer.outcome !== 'written');
    if (lost.length > 0) throw new Error(`an entry was ${lost[0]?.outcome}`);
    runs = next;
  }
};

/** The next entry of a run; null when its process died before it wrote anything. */
const takeTurn = async (purse: Purse, dice: Dice, run: Run): Promise<JournalEntry | null> => {
  const { db, counts } = purse;
  const { job } = run;
  run.writes += 1;
  const end = { writeNum: run.writes, events: [{ type: 'job.completed' }], finish: goodEnd } as const;
  if (dice.oneIn(3)) return makeEntry(job, end);
  const hold = await holdSpend(db, {
    jobId: job.id,
    wantedMicros: 10 + dice.below(90),
    leastMicros: 1 + dice.below(9),
  });
  if ('reached' in hold) {
    counts.reached += 1;
    return makeEntry(job, end);
  }
  if (dice.oneIn(15)) {
    counts.dropped += 1;
    await releaseJobs(db, [{ jobId: job.id, leaseId: job.leaseId, delayMs: 0 }], 'test');
    return null;
  }
  if (dice.oneIn(8)) await spawn(purse, dice, job);
  const costMicros = dice.oneIn(10) ? null : dice.below(Math.floor(hold.heldMicros * 1.2) + 1);
  if (costMicros === null) counts.unknown += 1;
  add(purse.charged, job.id, costMicros ?? hold.heldMicros);
  add(purse.overrun, job.id, Math.max(0, (costMicros ?? 0) - hold.heldMicros));
  // An attempt goes on after the ordinals of those before it.
  const ordinal = (job.attempts - 1) * 1_000 + run.writes;
  return makeCallEntry(job, { ordinal, costMicros }, { writeNum: run.writes });
};

const spawn = async (purse: Purse, dice: Dice, parent: ClaimedJob): Promise<void> => {
  const known = purse.payers.find(
    (payer) => payer.tenantId === parent.tenantId && payer.sessionId === parent.sessionId,
  );
  if (!known) return;
  const payer = { ...known, sessionId: `child-${randomUUID()}` };
  const id = await admit(purse, dice, payer, parent.id);
  if (id === null) return;
  await acceptJob(purse.db, { ...payer, id });
  purse.counts.spawned += 1;
};
