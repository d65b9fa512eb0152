import type { Rows } from './rows.ts';
import { type LedgerLine, readLedger } from './step-ledger.ts';

/** What must hold in a database in which all work has ended, whatever was done to its nodes. */
const QUERIES: Readonly<Record<string, string>> = {
  'a job did not end': `select id, state, lease_id from jobs where state in ('queued', 'running') or lease_id is not null`,
  'a job did not complete': `select id, state, error from jobs where state not in ('complete', 'queued', 'running')`,
  'a job ended twice or never': `
    select j.id, count(e.seq) as ends from jobs j
    left join events e on e.job_id = j.id and e.type in ('job.completed', 'job.failed', 'job.stopped')
    group by j.id having count(e.seq) <> 1`,
  'a job was submitted twice or never': `
    select j.id from jobs j left join events e on e.job_id = j.id and e.type = 'job.submitted'
    group by j.id having count(e.seq) <> 1`,
  'the starts of a job are not its attempts': `
    select j.id, j.attempts, count(e.seq) as starts from jobs j
    left join events e on e.job_id = j.id and e.type = 'job.started'
    group by j.id having count(e.seq) <> j.attempts`,
  'a job wrote after its end': `
    select e.job_id, e.type from events e join events f
      on f.job_id = e.job_id and f.type in ('job.completed', 'job.failed') and f.seq < e.seq`,
  'the log of a session has a gap': `
    select s.num, s.event_seq, count(e.seq) as n, max(e.seq) as newest from sessions s
    left join events e on e.session_num = s.num
    group by s.num having s.event_seq <> count(e.seq) or s.event_seq <> coalesce(max(e.seq), 0)`,
  'a session is not at rest': `
    select num from sessions where running_job is not null or head_job is not null or head_ready`,
  'a step finished twice or never': `
    select t.job_id, t.ordinal, t.state, count(e.seq) as n from steps t
    left join events e on e.job_id = t.job_id and e.type = 'step.finished' and (e.data ->> 'ordinal')::integer = t.ordinal
    group by t.job_id, t.ordinal having count(e.seq) <> 1 or t.state <> 'finished'`,
  'a job said its answer twice or never': `
    select j.id from jobs j left join messages m on m.job_id = j.id and m.role = 'assistant'
    where j.state = 'complete' group by j.id having count(m.seq) <> 1`,
};

/** Every breach of an invariant, in words; none when all is well. */
export const findBreaches = async (query: Rows): Promise<readonly string[]> => {
  const breaches: string[] = [];
  for (const [claim, sql] of Object.entries(QUERIES)) {
    const rows = await query(sql);
    if (rows.length > 0) breaches.push(`${claim}: ${rows.length} of ${JSON.stringify(rows.slice(0, 3))}`);
  }
  return breaches;
};

/** Accepted jobs that are not in the database, and labels that made more than one job. */
export const findLostJobs = async (query: Rows, accepted: ReadonlyMap<string, string>): Promise<readonly string[]> => {
  const rows = await query<{ id: string; label: string }>(`select id, metadata ->> 'label' as label from jobs`);
  const labels = new Map(rows.map((row) => [row.id, row.label]));
  const lost = [...accepted].filter(([label, id]) => labels.get(id) !== label);
  const doubled = rows.length - new Set(labels.values()).size;
  return [
    ...lost.map(([label, id]) => `an accepted job is lost: ${label} ${id}`),
    ...(doubled === 0 ? [] : [`${doubled} submissions made more than one job`]),
  ];
};

export interface StepRuns {
  readonly finished: number;
  /** Runs that a fault cut short, and that were therefore done again. */
  readonly interrupted: number;
  readonly breaches: readonly string[];
}

/**
 * Compares what the steps wrote down themselves with the journal: of each finished step, the last run is the one whose output was
 * committed. Then no run of it began after the commit. Also that the steps of a job, and the jobs of a session, kept their order.
 */
export const compareLedgers = async (query: Rows, dataDir: string): Promise<StepRuns> => {
  const steps = await query<{ session_num: string; label: string; ordinal: number; stdout: string }>(
    `select j.session_num, j.metadata ->> 'label' as label, t.ordinal, t.output ->> 'stdout' as stdout
     from steps t join jobs j on j.id = t.job_id where t.name = 'shell' and t.state = 'finished' order by j.num, t.ordinal`,
  );
  const breaches: string[] = [];
  let interrupted = 0;
  const ledgers = new Map<string, readonly LedgerLine[]>();
  for (const num of new Set(steps.map((step) => step.session_num))) {
    const ledger = await readLedger(dataDir, Number(num));
    ledgers.set(num, ledger);
    breaches.push(...findDisorder(ledger));
  }
  for (const step of steps) {
    const runs = (ledgers.get(step.session_num) ?? []).filter(
      (line) => line.label === step.label && line.ordinal === step.ordinal,
    );
    interrupted += runs.length - 1;
    if (runs.at(-1)?.token !== step.stdout.trim()) {
      breaches.push(`step ${step.ordinal} of ${step.label} ran after it had finished: ${JSON.stringify(runs)}`);
    }
  }
  return { finished: steps.length, interrupted, breaches };
};

/** Lines where a session went back to an earlier job, or a job to an earlier step. */
const findDisorder = (ledger: readonly LedgerLine[]): readonly string[] => {
  const over = new Set<string>();
  return ledger.flatMap((line, place) => {
    const before = ledger[place - 1];
    if (before && before.label !== line.label) over.add(before.label);
    const isBack = over.has(line.label) || (before?.label === line.label && line.ordinal < before.ordinal);
    return isBack ? [`${line.label} went back to step ${line.ordinal}`] : [];
  });
};
