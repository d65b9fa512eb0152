import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type BenchServer, startBenchNode } from './bench-node.ts';
import { showSpread, spreadOf } from './statistics.ts';

/** Schedules of the hour in many tenants, the first of them due in ten minutes. */
const CROWD = `
  insert into schedules (id, tenant_id, is_anonymous, session_id, name, question, agent, kind, cron, timezone, enabled, overlap,
    catch_up, next_due_at, next_fire_at)
  select gen_random_uuid(), 'tenant-' || n % 100, false, 'crowd-' || n, 'crowd', 'x', 'echo', 'cron', '0 * * * *', 'Europe/Berlin',
    true, 'queue_one', 'one', at, at
  from generate_series(1, $1::integer) n,
    lateral (select clock_timestamp() + interval '10 min' + n * interval '30 ms' as at) due`;
/** Schedules that are all due in the same moment; gives nothing back, they are told by their name. */
const MADE = `
  insert into schedules (id, tenant_id, is_anonymous, session_id, name, question, agent, kind, cron, timezone, enabled, overlap,
    catch_up, next_due_at, next_fire_at)
  select gen_random_uuid(), 'tenant-' || n % 100, false, $2::text || n, $2::text, 'x', 'echo', 'cron', '0 * * * *',
    'Europe/Berlin', true, 'queue_one', 'one', at, at
  from generate_series(1, $1::integer) n, (select clock_timestamp() + $3::integer * interval '1 ms' as at) due`;
const LATENESS = `
  select extract(epoch from j.created_at - r.due_at)::float8 * 1000 as ms
  from schedules s join schedule_runs r on r.schedule_id = s.id join jobs j on j.id = r.id where s.name = $1`;

/** How late schedules fire, one at a time and all at once, on a database that holds many others. */
export const benchScheduleLateness = async (
  server: BenchServer,
  options: { readonly schedules: number; readonly burst: number; readonly samples: number },
): Promise<string[]> => {
  const databaseUrl = await server.createDatabase();
  const node = await startBenchNode({ server, databaseUrl });
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`insert into tenants (id) select 'tenant-' || n from generate_series(0, 99) n`);
    await client.query(CROWD, [options.schedules]);
    await client.query('analyze schedules');
    const add = async (name: string, count: number, inMs: number): Promise<void> => {
      await client.query(MADE, [count, name, inMs]);
      node.context.notifications.publish('schedules', 0);
    };
    const lateness = async (name: string, count: number): Promise<number[]> => {
      for (;;) {
        const { rows } = await client.query<{ ms: number }>(LATENESS, [name]);
        if (rows.length === count) return rows.map(({ ms }) => ms);
        await delay(100);
      }
    };
    const idle: number[] = [];
    for (let number = -20; number < options.samples; number += 1) {
      const name = `idle ${number}`;
      await add(name, 1, 30 + Math.round(Math.random() * 50));
      const [ms = Number.NaN] = await lateness(name, 1);
      // The first ones warm the plans and the compiler.
      if (number >= 0) idle.push(ms);
    }
    const bursts: string[] = [];
    for (let round = 1; round <= 3; round += 1) {
      await add(`burst ${round}`, options.burst, 2_000);
      const late = await lateness(`burst ${round}`, options.burst);
      bursts.push(
        `${options.burst} due in one moment, round ${round}: last job after ${Math.round(Math.max(...late))} ms   ${showSpread(spreadOf(late), 'ms')}`,
      );
    }
    return [
      `lateness of a fire, ${options.schedules} schedules present, one due at a time (${idle.length})   ${showSpread(spreadOf(idle), 'ms')}`,
      ...bursts,
    ];
  } finally {
    await client.end();
    await node.stop();
  }
};
