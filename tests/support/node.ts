import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Logger } from 'pino';
import { createJob } from '../../src/actions/create-job.ts';
import type { NewJob } from '../../src/actions/new-job.ts';
import { startNode } from '../../src/app/node.ts';
import { loadConfig } from '../../src/config.ts';
import type { Job } from '../../src/core/job.ts';
import { DEFAULT_TENANT_ID, type Principal } from '../../src/core/principal.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { RunContext, RunPark, RunResult, Runtime } from '../../src/runtimes/runtime.ts';
import { readJobEvents } from '../../src/storage/events.ts';
import { getJob } from '../../src/storage/jobs.ts';
import { noteDependent, stopDependents } from './dependents.ts';
import { silentLog } from './factories.ts';
import { eventually } from './signals.ts';

export interface TestNodeOptions {
  readonly databaseUrl: string;
  /** Environment of the node beside the database and the data folder. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The data folder; each node makes one of its own when absent. */
  readonly dataDir?: string;
  /** Loop of the agent `default`, which has none in a test otherwise. */
  readonly run?: (context: RunContext) => Promise<RunResult | RunPark>;
  readonly log?: Logger;
}

/** A real node in this process, without its HTTP face. */
export interface TestNode {
  readonly context: Awaited<ReturnType<typeof startNode>>['context'];
  readonly engine: Engine;
  /** Hands in a job of the agent `shell`, or of the one that is named; gives its id. */
  submit(
    question: string,
    parts?: Partial<Pick<NewJob, 'agent' | 'priority' | 'scheduleAt'>> & { sessionId?: string },
  ): Promise<string>;
  job(id: string): Promise<Job>;
  /** The job once it has ended and its node has let it go. */
  ended(id: string): Promise<Job>;
  running(id: string): Promise<Job>;
  /** Types of the events of a job, in order. */
  events(id: string): Promise<string[]>;
  stop(): Promise<void>;
}

export const ADMIN: Principal = {
  kind: 'api_key',
  tenantId: DEFAULT_TENANT_ID,
  userId: 'admin',
  sessionIds: null,
  scopes: ['user', 'admin'],
  isAnonymous: false,
  hasTenantClaim: true,
  credentialId: 'tests',
};

/** The end of a run that only a test's runtime makes. */
export const runResult = (text: string): RunResult => ({
  state: 'complete',
  error: null,
  events: [],
  outcome: {
    text,
    subtype: 'success',
    isError: false,
    turns: 1,
    toolCalls: 0,
    apiDurationMs: 0,
    usage: null,
    costMicros: 0,
    models: [],
  },
});

/** Few connections, because each costs more than a whole job; polls that find what no hint told of soon enough for a test. */
const NODE_SETTINGS = { KAZI_DATABASE_POOL: '4', KAZI_POLL_MS: '250' };

/** Starts a node that stops with the test. */
export const startTestNode = async (t: TestContext, options: TestNodeOptions): Promise<TestNode> => {
  const dataDir = options.dataDir ?? (await makeDataDir(t));
  const env = { ...NODE_SETTINGS, DATABASE_URL: options.databaseUrl, KAZI_DATA_DIR: dataDir, ...options.settings };
  const config = loadConfig({ env, flags: {}, file: null, workingFolder: dataDir });
  const { run } = options;
  const extraRuntimes: Runtime[] = run ? [{ name: 'llm', run }] : [];
  const node = await startNode({ config, log: options.log ?? silentLog, extraRuntimes });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => await (stopping ??= node.stop());
  noteDependent(options.databaseUrl, stop);
  noteDependent(dataDir, stop);
  t.after(stop);
  const { context, engine } = node;
  const job = async (id: string): Promise<Job> => {
    const found = await getJob(context.db, id);
    if (!found) throw new Error(`found no job ${id}`);
    return found;
  };
  return {
    context,
    get engine(): Engine {
      if (!engine) throw new Error('a node of the role api has no engine');
      return engine;
    },
    submit: async (question, parts = {}) => (await createJob(context, ADMIN, toNewJob(question, parts))).response,
    job,
    ended: async (id) =>
      await eventually(`the end of job ${id}`, async () => {
        const found = await job(id);
        return found.state !== 'queued' && found.state !== 'running' && !found.isHeld && found;
      }),
    running: async (id) =>
      await eventually(`the start of job ${id}`, async () => {
        const found = await job(id);
        return found.state === 'running' && found;
      }),
    events: async (id) => {
      const { sessionNum } = await job(id);
      const events = await readJobEvents(context.db, { sessionNum, jobId: id, afterSeq: 0, limit: 1_000 });
      return events.map((event) => event.type);
    },
    stop,
  };
};

/** A data folder that goes with the test, once its nodes have stopped. */
export const makeDataDir = async (t: Pick<TestContext, 'after'>): Promise<string> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kazi-node-'));
  t.after(async () => {
    await stopDependents(dataDir);
    await rm(dataDir, { recursive: true, force: true });
  });
  return dataDir;
};

const toNewJob = (question: string, parts: Parameters<TestNode['submit']>[1] = {}): NewJob => ({
  question,
  agent: parts.agent ?? 'shell',
  session: { sessionId: parts.sessionId ?? randomUUID(), sessionKey: null },
  scheduleAt: parts.scheduleAt ?? null,
  metadata: null,
  priority: parts.priority ?? 0,
  request: {
    idempotencyScope: null,
    hash: createHash('sha256').update(question).digest(),
    isRetry: false,
    toResponse: (jobId) => jobId,
  },
});
