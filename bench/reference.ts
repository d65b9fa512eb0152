import { readFileSync } from 'node:fs';
import pg from 'pg';
import { Batcher } from '../src/core/batcher.ts';
import { migrate } from '../src/storage/migrate.ts';
import type { BenchServer } from './bench-node.ts';
import type { PipelineLoad, PipelineRound } from './pipeline.ts';

const BATCH = 100;
const WORKERS = 2;

interface Item {
  readonly id: string;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly user_id: string;
  readonly lane_id: number;
  readonly agent: string;
  readonly question: string;
}

interface Claimed {
  readonly id: string;
  readonly lease_id: string;
  readonly question: string;
}

/** The same work as a plain queue over the same tables (reference.sql): same rows, batches and driver, nothing of what kazi guarantees. */
export class ReferencePipeline {
  readonly #pool: pg.Pool;
  readonly #intake: Batcher<Item, true>;

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
    this.#intake = new Batcher({
      run: async (items) => {
        await this.#query('accept', 'select ref_submit($1::jsonb)', [JSON.stringify(items)]);
        return items.map(() => true as const);
      },
      maxItems: BATCH,
      maxInFlight: 2,
      canSplit: () => false,
    });
  }

  static async start(server: BenchServer, tenants: number): Promise<ReferencePipeline> {
    const databaseUrl = await server.createDatabase();
    await migrate({ databaseUrl, log: server.log });
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
    await pool.query(readFileSync(new URL('reference.sql', import.meta.url), 'utf8'));
    for (let tenant = 0; tenant < tenants; tenant += 1) {
      const id = tenantOf(tenant);
      await pool.query('insert into tenants (id) values ($1)', [id]);
      await pool.query("insert into users (tenant_id, id) values ($1, 'bench')", [id]);
      // Lane ids count from 1, in the order of the tenants.
      await pool.query("insert into lanes (tenant_id, agent) values ($1, 'echo')", [id]);
    }
    // The server goes away before the last idle connection has noticed its end.
    pool.on('error', () => undefined);
    return new ReferencePipeline(pool);
  }

  /** One round: submissions and workers at the same time, as in KaziPipeline. */
  async round(load: PipelineLoad): Promise<PipelineRound> {
    const startedAt = performance.now();
    const progress = { accepted: 0, done: 0 };
    const workers = Array.from({ length: WORKERS }, async () => await this.#work(load.jobs, progress));
    let next = 0;
    const client = async (): Promise<void> => {
      while (next < load.jobs) {
        const number = next;
        next += 1;
        await this.#intake.add(itemOf(number, load.tenants));
        progress.accepted += 1;
      }
    };
    await Promise.all(Array.from({ length: load.clients }, client));
    const acceptedAt = performance.now();
    await Promise.all(workers);
    const endedAt = performance.now();
    return {
      acceptedPerSecond: (load.jobs / (acceptedAt - startedAt)) * 1_000,
      donePerSecond: (load.jobs / (endedAt - startedAt)) * 1_000,
    };
  }

  async stop(): Promise<void> {
    await this.#pool.end();
  }

  async #work(jobs: number, progress: { accepted: number; done: number }): Promise<void> {
    while (progress.done < jobs) {
      const claimed = await this.#query<Claimed>('claim', 'select * from ref_claim($1, $2)', [BATCH, 1]);
      if (claimed.length === 0) {
        await new Promise(setImmediate);
        continue;
      }
      const items = claimed.map((job) => ({ ...job, outcome: outcomeOf(job.question) }));
      await this.#query('complete', 'select ref_complete($1::jsonb)', [JSON.stringify(items)]);
      progress.done += claimed.length;
    }
  }

  async #query<Row extends pg.QueryResultRow>(name: string, text: string, values: readonly unknown[]): Promise<Row[]> {
    return (await this.#pool.query<Row>({ name, text, values: [...values] })).rows;
  }
}

const tenantOf = (number: number): string => `tenant-${number}`;

const itemOf = (number: number, tenants: number): Item => ({
  id: crypto.randomUUID(),
  tenant_id: tenantOf(number % tenants),
  session_id: crypto.randomUUID(),
  user_id: 'bench',
  lane_id: (number % tenants) + 1,
  agent: 'echo',
  question: `hello ${number}`,
});

/** As large as kazi's outcome of an echo job. */
const outcomeOf = (text: string): unknown => ({
  text,
  turns: 1,
  usage: null,
  models: [],
  isError: false,
  subtype: 'success',
  toolCalls: 0,
  costMicros: 0,
  durationMs: 1,
  apiDurationMs: 0,
});
