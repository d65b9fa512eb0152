import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { findBreaches } from '../support/invariants.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import type { Receiver } from '../support/receiver.ts';
import { rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { type Proof, randomBetween, type Say, withDeadline } from './proof.ts';

export interface KillBatchOptions {
  readonly dataDir: string;
  readonly items: number;
  readonly agents: number;
  /** Agents whose items are scripts that take this long, so that each blow hits some. */
  readonly scripts: number;
  readonly scriptSeconds: number;
  readonly kills: number;
  /** The blow falls at a random time in this span after the server was ready. */
  readonly blowMs: readonly [number, number];
  readonly deadlineMs: number;
  /** Is told of the end. */
  readonly receiver: Receiver;
  readonly say: Say;
}

interface BatchJob {
  readonly id: string;
  readonly status: string;
  readonly metadata: { readonly counts: Readonly<Record<string, number>> };
}

/** With the usual 3, an item that is hit by every blow would rightly be given up. */
const MAX_ATTEMPTS = '10';

/**
 * Kills a server and its embedded database with SIGKILL while it works through a batch: every item must end once, the counts must
 * be those of the items, and one callback must tell of it.
 */
export const killBatch = async (options: KillBatchOptions): Promise<Proof> => {
  const { dataDir, items, kills, say, receiver } = options;
  const settings = {
    KAZI_DATA_DIR: dataDir,
    KAZI_MAX_ATTEMPTS: MAX_ATTEMPTS,
    KAZI_ALLOW_PRIVATE_WEBHOOKS: 'true',
  };
  const trouble: string[] = [];
  let server = await ServerProcess.start(settings);
  try {
    const agents = await makeAgents(server.url, options);
    const requests = Array.from({ length: items }, (_, number) => {
      const { id, isScript } = agents[number % agents.length] ?? { id: '', isScript: false };
      return { agent_id: id, input: isScript ? `sleep ${options.scriptSeconds}; echo done` : `item ${number}` };
    });
    const begunAt = performance.now();
    const body = { requests, callback_url: receiver.url };
    const { id } = await ask<BatchJob>(server.url, 'POST', '/v1/messages/batches', body);
    say(`${items} items taken in after ${Math.round(performance.now() - begunAt)} ms`);
    for (let number = 1; number <= kills; number += 1) {
      await delay(randomBetween(...options.blowMs));
      trouble.push(...server.describeTrouble());
      const { metadata } = await ask<BatchJob>(server.url, 'GET', `/v1/messages/batches/${id}`);
      await server.kill();
      say(`kill ${number} of ${kills} after ${metadata.counts['succeeded'] ?? 0} items`);
      server = await ServerProcess.start(settings);
    }
    const url = server.url;
    const batch = await withDeadline(followEnd(url, id), options.deadlineMs);
    const seconds = (performance.now() - begunAt) / 1_000;
    await withDeadline(receiver.take(1), options.deadlineMs);
    trouble.push(...(await server.stopWell()));
    return await judge({ options, batch, seconds, trouble });
  } finally {
    await server.kill();
  }
};

const ask = async <Answer>(url: string, method: string, path: string, body?: unknown): Promise<Answer> => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${TEST_API_KEY}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
};

const makeAgents = async (
  url: string,
  { agents, scripts }: KillBatchOptions,
): Promise<readonly { readonly id: string; readonly isScript: boolean }[]> =>
  await Promise.all(
    Array.from({ length: agents }, async (_, number) => {
      const isScript = number < scripts;
      const body = { model: isScript ? 'kazi/shell' : 'kazi/echo' };
      return { id: (await ask<{ id: string }>(url, 'POST', '/v1/agents/', body)).id, isScript };
    }),
  );

const followEnd = async (url: string, id: string): Promise<BatchJob> => {
  for (;;) {
    const batch = await ask<BatchJob>(url, 'GET', `/v1/messages/batches/${id}`);
    if (batch.status !== 'running') return batch;
    await delay(50);
  }
};

/** Looks into the data folder that the server has left. */
const judge = async (seen: {
  readonly options: KillBatchOptions;
  readonly batch: BatchJob;
  readonly seconds: number;
  readonly trouble: readonly string[];
}): Promise<Proof> => {
  const { options, batch, seconds, trouble } = seen;
  const postgres = await startEmbeddedPostgres({ dataDir: options.dataDir, log: pino({ level: 'silent' }) });
  try {
    const query = rowsOf(postgres.url);
    const violations = [...trouble, ...(await findBreaches(query))];
    const expected = { total: options.items, succeeded: options.items, failed: 0, cancelled: 0 };
    for (const [name, count] of Object.entries(expected))
      if (batch.metadata.counts[name] !== count)
        violations.push(`${name} is ${batch.metadata.counts[name]}, expected ${count}`);
    if (batch.status !== 'completed') violations.push(`the batch is ${batch.status}`);
    const ends = await query<{ ends: number; n: number }>(
      `select e.n::integer as ends, count(*)::integer as n from (
         select j.id, count(e.seq) as n from jobs j
         left join events e on e.session_num = j.session_num and e.job_id = j.id and e.type in ('job.completed', 'job.failed', 'job.canceled')
         where j.batch_num is not null group by j.id
       ) e group by 1`,
    );
    for (const { ends: count, n } of ends) if (count !== 1) violations.push(`${n} items ended ${count} times`);
    const [state] = await query<{ complete: number; again: number; deliveries: number; counters: number }>(
      `select count(*) filter (where state = 'complete')::integer as complete, count(*) filter (where attempts > 1)::integer as again,
         (select count(*)::integer from webhook_deliveries) as deliveries, (select count(*)::integer from batch_counts) as counters
       from jobs where batch_num is not null`,
    );
    if (state?.complete !== options.items)
      violations.push(`${state?.complete} items are complete, expected ${options.items}`);
    if (state?.deliveries !== 1) violations.push(`${state?.deliveries} callbacks were written, expected 1`);
    if (state?.counters !== 0) violations.push(`${state?.counters} counters were left behind`);
    const ids = new Set(options.receiver.received.map(({ headers }) => headers['webhook-id']));
    if (ids.size !== 1) violations.push(`${ids.size} callbacks arrived, expected 1`);
    return {
      figures: {
        items: options.items,
        kills: options.kills,
        'seconds to the end': Math.round(seconds * 10) / 10,
        'items begun again': state?.again ?? 0,
        'callback attempts': options.receiver.received.length,
      },
      violations,
      delays: [],
    };
  } finally {
    await postgres.stop();
  }
};
