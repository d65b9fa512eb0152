import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import pino, { type Logger } from 'pino';
import { createJob } from '../src/actions/create-job.ts';
import { type Node, startNode } from '../src/app/node.ts';
import { loadConfig } from '../src/config.ts';
import type { Principal } from '../src/core/principal.ts';
import { startEmbeddedPostgres } from '../src/postgres/embedded-postgres.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';

/** One PostgreSQL for the whole run, so that every figure of the run comes from the same server. */
export interface BenchServer {
  readonly log: Logger;
  /** Makes an empty database; gives its URL. */
  createDatabase(): Promise<string>;
  readonly folder: string;
  stop(): Promise<void>;
}

/** Starts the embedded PostgreSQL in a temporary folder, or uses DATABASE_URL's server when `url` is given. */
export const startBenchServer = async (url: string | undefined): Promise<BenchServer> => {
  const log = pino({ level: 'error' }, pino.destination(2));
  const folder = await mkdtemp(join(tmpdir(), 'kazi-bench-'));
  const postgres = url === undefined ? await startEmbeddedPostgres({ dataDir: folder, log }) : undefined;
  const adminUrl = url ?? postgres?.url ?? '';
  let count = 0;
  return {
    log,
    folder,
    createDatabase: async () => {
      count += 1;
      const name = `bench_${process.pid}_${count}`;
      const client = new pg.Client({ connectionString: adminUrl });
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      const target = new URL(adminUrl.replace('@/', '@localhost/'));
      target.pathname = `/${name}`;
      return target.toString();
    },
    stop: async () => {
      await postgres?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

export interface BenchNodeOptions {
  readonly server: BenchServer;
  readonly databaseUrl: string;
  readonly flags?: Readonly<Record<string, string>>;
  readonly extraRuntimes?: readonly Runtime[];
}

/** A node of the real engine in this process. */
export const startBenchNode = async (options: BenchNodeOptions): Promise<Node> => {
  const dataDir = await mkdtemp(join(options.server.folder, 'node-'));
  const config = loadConfig({
    env: { DATABASE_URL: options.databaseUrl },
    flags: { dataDir, port: '0', ...options.flags },
    file: null,
    workingFolder: dataDir,
  });
  return await startNode({ config, log: options.server.log, extraRuntimes: options.extraRuntimes ?? [] });
};

/** A principal of a tenant, as an API key would prove it. */
export const benchPrincipal = (tenantId: string): Principal => ({
  kind: 'api_key',
  tenantId,
  userId: 'bench',
  sessionIds: null,
  scopes: ['user'],
  isAnonymous: false,
  hasTenantClaim: true,
  credentialId: tenantId,
});

const NO_HASH = Buffer.alloc(32);

/** Hands one job over through the same action that the HTTP route calls; gives its id. */
export const submit = async (
  node: Node,
  job: {
    readonly tenantId: string;
    readonly agent: string;
    readonly question: string;
    readonly sessionId?: string;
    readonly webhookUrl?: string;
  },
): Promise<string> => {
  const created = await createJob(node.context, benchPrincipal(job.tenantId), {
    question: job.question,
    agent: job.agent,
    session: { sessionId: job.sessionId ?? null, sessionKey: null },
    scheduleAt: null,
    metadata: null,
    priority: 0,
    ...(job.webhookUrl === undefined ? {} : { webhookRequest: { url: job.webhookUrl } }),
    request: { idempotencyScope: null, hash: NO_HASH, isRetry: false, toResponse: (jobId) => jobId },
  });
  return created.response;
};
