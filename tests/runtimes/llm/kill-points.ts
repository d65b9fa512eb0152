/**
 * Loaded into a server by `node --import`: names every commit that a run makes, writes down that it is reached, and ends the process
 * with SIGKILL at the one that is asked for, or when the job has ended. One server runs one job.
 *
 * KILL_POINTS_FILE  gets a line for each point: `before NAME` right before the statement is sent, `after NAME` when its answer is there
 * KILL_POINT        the line at which to die; none when absent
 */
import { appendFileSync } from 'node:fs';
import { Database } from '../../../src/storage/database.ts';

/** As much of an entry of the journal (storage/held-jobs.ts) as its name is made of. */
interface SentEntry {
  readonly events: readonly {
    readonly type: string;
    readonly data?: { readonly step?: number };
    readonly step?: { readonly ordinal: number; readonly name: string };
  }[];
  readonly finish?: unknown;
  readonly sandbox_id?: string;
}

/** Gives the commits of one run names that are the same each time. */
class CommitNames {
  readonly #flushed = new Set<string>();
  #isAccepted = false;
  #isClaimed = false;
  #holds = 0;
  #tool = 0;

  /** Undefined for statements that are not the run's own, and for all but the first of the flushes of one step: how many there are is chance. */
  sent(statement: string, parameters: readonly unknown[]): string | undefined {
    if (statement === 'jobs/claim' && this.#isAccepted && !this.#isClaimed) return 'claim';
    if (statement === 'budgets/hold') {
      this.#holds += 1;
      return `hold ${this.#holds}`;
    }
    if (statement !== 'jobs/journal') return undefined;
    const [entry] = JSON.parse(String(parameters[0])) as readonly SentEntry[];
    return entry && this.#nameEntry(entry);
  }

  /** False for a claim that brought nothing. */
  answered(statement: string, rows: readonly unknown[]): boolean {
    if (statement === 'jobs/accept') this.#isAccepted = true;
    if (statement !== 'jobs/claim') return true;
    const hasJob = (rows as readonly { readonly id: string | null }[]).some(({ id }) => id !== null);
    this.#isClaimed ||= hasJob;
    return hasJob;
  }

  #nameEntry({ events, finish, sandbox_id: sandboxId }: SentEntry): string | undefined {
    if (finish !== undefined) return events.at(-1)?.type;
    const whole = events.find(({ step }) => step !== undefined);
    // The start of a call may be written with the end of what came before it.
    this.#tool = events.findLast(({ type }) => type === 'step.started')?.step?.ordinal ?? this.#tool;
    if (whole?.step) {
      return `${whole.type} ${whole.step.name} ${whole.step.ordinal}`;
    }
    if (events.some(({ type }) => type === 'artifact.published')) return `artifact.published ${this.#tool}`;
    if (sandboxId !== undefined) return `sandbox.opened ${this.#tool}`;
    const piece = events[0];
    const name = `${piece?.type} ${piece?.data?.step}`;
    if (this.#flushed.has(name)) return undefined;
    this.#flushed.add(name);
    return name;
  }
}

const { KILL_POINTS_FILE: file = '', KILL_POINT: target } = process.env;
// What this process starts is left alone.
delete process.env['NODE_OPTIONS'];

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

const pass = (point: string): void => {
  appendFileSync(file, `${point}\n`);
  if (point === target || point.startsWith('after job.')) die();
};

const names = new CommitNames();
const original = Object.getOwnPropertyDescriptor(Database.prototype, 'query')?.value as Database['query'];
Database.prototype.query = async function query<Row>(
  this: Database,
  statement: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  const commit = names.sent(statement, parameters);
  if (commit !== undefined) pass(`before ${commit}`);
  const rows = await original.call(this, statement, parameters);
  const isDone = names.answered(statement, rows);
  if (commit !== undefined && isDone) pass(`after ${commit}`);
  return rows as Row[];
};
