import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { startNode } from '../../../src/app/node.ts';
import { loadConfig } from '../../../src/config.ts';
import { startScriptedModel } from '../../../src/models/scripted/scripted-model.ts';
import { TEST_API_KEY } from '../../support/job-client.ts';
import { type Rows, rowsOf } from '../../support/rows.ts';
import { ServerProcess } from '../../support/server-process.ts';
import { eventually } from '../../support/signals.ts';
import { killCase, scriptOfCase } from './kill-points-case.ts';
import { judgeKilledRun } from './kill-points-judge.ts';
import { type FormatName, modelSettings } from './llm-node.ts';

export interface KillRunOptions {
  /** A database and a data folder for one run after the other. */
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly format: FormatName;
  /** Where the server dies, by a line of kill-points.ts. */
  readonly point: string;
  readonly deadlineMs: number;
}

export interface KillRun {
  /** False when chance had it that the run did not come by the point. */
  readonly isStruck: boolean;
  /** Every point that the server came by, in order. */
  readonly points: readonly string[];
  /** From the blow to the next start of the job; null when there was none. */
  readonly pickUpMs: number | null;
  readonly violations: readonly string[];
}

const HOOK = new URL('kill-points.ts', import.meta.url).href;

/** Has a server run the scenario until it dies at the point, and a second node go on in the same folder and database to the end. */
export const runAndKill = async (options: KillRunOptions): Promise<KillRun> => {
  const { databaseUrl, dataDir, format, point, deadlineMs } = options;
  const killed = killCase(point);
  const query = rowsOf(databaseUrl);
  const model = await startScriptedModel({ script: await scriptOfCase(killed), keepBodies: true });
  try {
    const settings = {
      ...(await modelSettings(model.url, { format, dataDir })),
      DATABASE_URL: databaseUrl,
      KAZI_DATA_DIR: dataDir,
      KAZI_API_KEY: TEST_API_KEY,
    };
    const sessionId = randomUUID();
    const pointsFile = join(dataDir, `${sessionId}.points`);
    const hook = { NODE_OPTIONS: `--import ${HOOK}`, KILL_POINTS_FILE: pointsFile, KILL_POINT: point };
    const server = await ServerProcess.start({ ...settings, ...hook });
    const diedAt = await dieOf(server, { sessionId, deadlineMs });
    const points = (await readFile(pointsFile, 'utf8')).trimEnd().split('\n');
    const isStruck = points.at(-1) === point;
    if (!isStruck) return { isStruck, points, pickUpMs: null, violations: server.describeTrouble() };
    const [job] = await query<{ id: string }>(
      'select j.id from jobs j join sessions s on s.num = j.session_num where s.id = $1',
      [sessionId],
    );
    if (!job) throw new Error(`${point}: the job is lost`);
    const trouble = await goOn(settings, async () => await endOf(query, job.id, deadlineMs));
    return {
      isStruck,
      points,
      pickUpMs: await pickUpTime(query, job.id, diedAt),
      violations: [
        ...(await judgeKilledRun({ killed, format, jobId: job.id, requests: model.requests, query })),
        ...[...server.describeTrouble(), ...trouble].map((line) => `${point}: ${line}`),
      ],
    };
  } finally {
    await model.stop();
  }
};

/** Hands the job in and resolves, when the server is dead, with the time of its death. */
const dieOf = async (
  server: ServerProcess,
  { sessionId, deadlineMs }: { readonly sessionId: string; readonly deadlineMs: number },
): Promise<Date> => {
  const deadline = setTimeout(() => void server.kill(), deadlineMs);
  const died = server.exited.then((exit) => ({ exit, at: new Date() }));
  try {
    await fetch(`${server.url}/submit`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${TEST_API_KEY}` },
      body: JSON.stringify({ question: 'Please add up the numbers', agent_type: 'default', session_id: sessionId }),
    }).catch(() => undefined /* It may die before it has answered. */);
    const { exit, at } = await died;
    if (exit.signal !== 'SIGKILL') throw new Error(`the server ended with ${JSON.stringify(exit)}`);
    return at;
  } finally {
    clearTimeout(deadline);
    await server.kill();
  }
};

/** Runs a node beside the work; resolves, when both are over, with the errors that the node logged. */
const goOn = async (
  settings: Readonly<Record<string, string>>,
  work: () => Promise<void>,
): Promise<readonly string[]> => {
  const errors: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => errors.push(line.trimEnd()) });
  const config = loadConfig({ env: settings, flags: {}, file: null, workingFolder: settings['KAZI_DATA_DIR'] ?? '' });
  const node = await startNode({ config, log });
  try {
    await work();
  } finally {
    await node.stop();
  }
  return errors;
};

const endOf = async (query: Rows, jobId: string, deadlineMs: number): Promise<void> => {
  await eventually(
    `the end of job ${jobId}`,
    async () => {
      const rows = await query(
        `select from jobs where id = $1 and state not in ('queued', 'running') and lease_id is null`,
        [jobId],
      );
      return rows.length > 0;
    },
    deadlineMs,
  );
};

const pickUpTime = async (query: Rows, jobId: string, diedAt: Date): Promise<number | null> => {
  const [row] = await query<{ ms: number }>(
    `select (extract(epoch from at - $2::timestamptz) * 1000)::float8 as ms from events
     where job_id = $1 and type = 'job.started' and (data ->> 'attempt')::integer > 1 order by seq limit 1`,
    [jobId, diedAt.toISOString()],
  );
  return row?.ms ?? null;
};
