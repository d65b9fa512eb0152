import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { benchAgentsDelta } from './agent-delta.ts';
import { benchAgentsOverhead } from './agent-overhead.ts';
import { benchAgentsWaiting } from './agent-waiting.ts';
import { benchBatch } from './batch.ts';
import { benchBatchIntake } from './batch-intake.ts';
import { type BenchServer, startBenchServer } from './bench-node.ts';
import { benchLongDrain } from './drain.ts';
import { benchFairness } from './fairness.ts';
import { benchIdleStart } from './idle-start.ts';
import { benchAccept, benchOverHttp } from './over-http.ts';
import { KaziPipeline } from './pipeline.ts';
import { ReferencePipeline } from './reference.ts';
import { benchScheduleLateness } from './schedule-lateness.ts';
import { benchIdleSockets } from './sockets-idle.ts';
import { benchSseFanOut } from './sse-fan-out.ts';
import { median, showRates } from './statistics.ts';
import { benchSteps } from './steps.ts';
import { benchWaitingJobs } from './waiting-jobs.ts';
import { benchWebhookFirstAttempt } from './webhook-first-attempt.ts';

const HELP = `Measures kazi on this machine, beside a plain-table queue in the same run.

  npm run bench                    everything but the long drain, about 4 minutes
  npm run bench -- --only NAME     one part: ${'reference idle accept http steps waiting batch fairness saturated drain'}
                                   batch-large batch-intake agents-waiting agents-overhead agents-delta sockets-idle sse-fan-out
                                   webhook-first-attempt schedule-lateness; agents and batch stand for theirs, too
  npm run bench -- --quick         smaller loads
  npm run bench -- --drain N       also: throughput over N finished jobs (1000000 takes several minutes)

DATABASE_URL chooses the server; without it the embedded one is started in a temporary folder.
`;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

interface Part {
  readonly name: string;
  readonly run: (server: BenchServer) => Promise<string[]>;
}

const partsOf = (isQuick: boolean, drainJobs: number): Part[] => {
  const scale = isQuick ? 0.1 : 1;
  return [
    { name: 'reference', run: async (server) => await benchReference(server, 20_000 * scale) },
    { name: 'idle', run: async (server) => await benchIdleStart(server, 300 * scale) },
    { name: 'accept', run: async (server) => await benchAccept(server, { perSecond: 500, seconds: isQuick ? 2 : 10 }) },
    { name: 'http', run: async (server) => await benchOverHttp(server, 10_000 * scale) },
    { name: 'steps', run: async (server) => await benchSteps(server, 200) },
    {
      name: 'agents-waiting',
      run: async (server) => await benchAgentsWaiting(server, { jobs: 1_000 * scale, seconds: isQuick ? 5 : 20 }),
    },
    { name: 'agents-overhead', run: async (server) => await benchAgentsOverhead(server, isQuick ? 5 : 20) },
    { name: 'agents-delta', run: async (server) => await benchAgentsDelta(server, isQuick ? 20 : 200) },
    { name: 'batch', run: async (server) => await benchBatch(server, 10_000 * scale) },
    { name: 'batch-large', run: async (server) => await benchBatch(server, 50_000 * scale) },
    {
      name: 'batch-intake',
      run: async (server) =>
        await benchBatchIntake(
          server,
          isQuick
            ? [{ items: 1_000, mebibytes: 10 }]
            : [
                { items: 10_000, mebibytes: 20 },
                { items: 50_000, mebibytes: 250 },
              ],
        ),
    },
    { name: 'sockets-idle', run: async (server) => await benchIdleSockets(server, 5_000 * scale) },
    {
      name: 'sse-fan-out',
      run: async (server) => await benchSseFanOut(server, { subscribers: 1_000 * scale, seconds: isQuick ? 5 : 30 }),
    },
    {
      name: 'webhook-first-attempt',
      run: async (server) => await benchWebhookFirstAttempt(server, { samples: 300 * scale, hanging: 100 }),
    },
    {
      name: 'schedule-lateness',
      run: async (server) =>
        await benchScheduleLateness(server, { schedules: 100_000 * scale, burst: 1_000 * scale, samples: 200 * scale }),
    },
    { name: 'waiting', run: async (server) => await benchWaitingJobs(server, 10_000 * scale) },
    {
      name: 'fairness',
      run: async (server) =>
        await benchFairness(server, { crowd: 'parked', queued: 100_000 * scale, tenants: 1, samples: 200 * scale }),
    },
    {
      name: 'saturated',
      run: async (server) =>
        await benchFairness(server, { crowd: 'busy', queued: 100_000 * scale, tenants: 20, samples: 200 * scale }),
    },
    ...(drainJobs > 0
      ? [{ name: 'drain', run: async (server: BenchServer) => await benchLongDrain(server, drainJobs, say) }]
      : []),
  ];
};

/** kazi and the plain queue in turn, so that the machine's mood is the same for both. */
const benchReference = async (server: BenchServer, jobs: number): Promise<string[]> => {
  const load = { jobs, tenants: 20, clients: 200 };
  const reference = await ReferencePipeline.start(server, load.tenants);
  const kazi = await KaziPipeline.start(server);
  const rates: { plain: number; kazi: number }[] = [];
  for (let round = 0; round < 6; round += 1) {
    const plain = (await reference.round(load)).donePerSecond;
    const own = (await kazi.round(load)).donePerSecond;
    if (round > 0) rates.push({ plain, kazi: own });
  }
  await kazi.stop();
  await reference.stop();
  return [
    `echo jobs accepted and run at the same time, kazi   ${showRates(rates.map((rate) => rate.kazi))}`,
    `the same rows by a plain SKIP LOCKED queue          ${showRates(rates.map((rate) => rate.plain))}`,
    `kazi / plain, median of the rounds                  ${median(rates.map((rate) => rate.kazi / rate.plain)).toFixed(2)}`,
  ];
};

/** A server of its own for each part: else the clean-up of one part's rows would weigh on the next. */
const onServer = async (work: (server: BenchServer) => Promise<void>): Promise<void> => {
  const server = await startBenchServer(process.env['DATABASE_URL']);
  try {
    await work(server);
  } finally {
    await server.stop();
  }
};

const describeServer = async (server: BenchServer): Promise<string> => {
  const client = new pg.Client({ connectionString: await server.createDatabase() });
  await client.connect();
  const names = ['server_version', 'shared_buffers', 'max_wal_size', 'synchronous_commit', 'fsync'];
  const values: string[] = [];
  for (const name of names) {
    const result = await client.query<{ value: string }>('select current_setting($1) as value', [name]);
    values.push(`${name} ${result.rows[0]?.value ?? '?'}`);
  }
  await client.end();
  return values.join(', ');
};

/** A name stands for the parts that begin with it, too. */
const isWanted = (name: string, wanted: string | undefined): boolean =>
  wanted === undefined || name === wanted || name.startsWith(`${wanted}-`);

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    drain: { type: 'string', default: '0' },
  },
});

if (values.help) {
  say(HELP);
} else {
  const parts = partsOf(values.quick, Number(values.drain)).filter(({ name }) => isWanted(name, values.only));
  if (parts.length === 0) {
    say(`Found no part "${values.only}". ${HELP}`);
    process.exitCode = 2;
  }
  const [cpu] = cpus();
  say(
    `machine   ${cpus().length} × ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  );
  await onServer(async (server) => say(`database  ${await describeServer(server)}`));
  for (const part of parts) {
    await onServer(async (server) => {
      for (const line of await part.run(server)) say(line);
    });
  }
}
