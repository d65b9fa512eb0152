import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { agentOfRun } from '../../src/actions/agent-of-run.ts';
import { ApiKeyCache } from '../../src/actions/api-key-cache.ts';
import type { ActionContext } from '../../src/actions/context.ts';
import { Directory } from '../../src/actions/directory.ts';
import { JobIntake } from '../../src/actions/job-intake.ts';
import { storeApiKey } from '../../src/actions/make-api-key.ts';
import { readEndedJob } from '../../src/actions/read-ended-job.ts';
import { readToldWorker } from '../../src/actions/read-told-worker.ts';
import { RequestCounts } from '../../src/actions/request-counts.ts';
import { MemoryBlobStore } from '../../src/blobs/memory/memory-blob-store.ts';
import { generateApiKey } from '../../src/core/api-key.ts';
import type { ModelSettings } from '../../src/core/model-choice.ts';
import type { Scope } from '../../src/core/scope.ts';
import { mintSessionToken, type TokenClaims } from '../../src/core/session-token.ts';
import { webhookPolicy } from '../../src/core/webhook-policy.ts';
import { createEgress, type EgressOptions, type GuardedEgress } from '../../src/egress/guarded-egress.ts';
import { Engine, type EngineOptions } from '../../src/engine/engine.ts';
import { LifeSign } from '../../src/engine/life-sign.ts';
import type { SocketSettings } from '../../src/http/jobs/sockets/settings.ts';
import { toWebhookBody } from '../../src/http/jobs/webhook-body.ts';
import { buildServer } from '../../src/http/server.ts';
import { toTurnWebhookBody } from '../../src/http/workers/turn-webhook-body.ts';
import { createModelBatches } from '../../src/models/batches/model-batches.ts';
import { createModelCatalog } from '../../src/models/model-catalog.ts';
import { createModels } from '../../src/models/models.ts';
import { EventHub } from '../../src/realtime/event-hub.ts';
import { Realtime } from '../../src/realtime/realtime.ts';
import { echoRuntime } from '../../src/runtimes/echo/echo-runtime.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { shellRuntime } from '../../src/runtimes/shell/shell-runtime.ts';
import { chooseSandboxProvider } from '../../src/sandboxes/choose-provider.ts';
import { Database, type Queryable } from '../../src/storage/database.ts';
import { Notifications } from '../../src/storage/notifications.ts';
import { SessionFiles } from '../../src/workspaces/session-files.ts';
import { SessionWorkbenches } from '../../src/workspaces/session-workbenches.ts';
import { WorkspaceForks } from '../../src/workspaces/workspace-forks.ts';
import { createTestDatabase } from './database.ts';

export interface ApiOptions {
  /** False = a node that only runs jobs. */
  readonly servesApi?: boolean;
  /** The database of another API, for a second node; a new one when absent. */
  readonly databaseUrl?: string;
  /** Where workspaces are; a folder of its own when absent. */
  readonly dataDir?: string;
  /** Agent of a job that names none; `echo` when absent. */
  readonly defaultAgent?: string;
  /** False: accepts jobs but runs none. */
  readonly runsJobs?: boolean;
  /** In place of the built-in runtimes. */
  readonly runtimes?: readonly Runtime[];
  /** Lets a test count or fail what the event hub reads. */
  readonly wrapHubDatabase?: (db: Queryable) => Queryable;
  readonly pollMs?: number;
  readonly queryTimeoutMs?: number;
  readonly sessions?: Partial<ActionContext['sessions']>;
  readonly replayWaitMs?: number;
  /** Requests a minute; those of an operator who sets none when absent. */
  readonly rateLimits?: ActionContext['rateLimits'];
  readonly sockets?: Partial<SocketSettings>;
  readonly realtime?: { readonly presenceMs: number };
  readonly maxSchedules?: number;
  /** Settings of models; none are configured when absent. */
  readonly models?: Partial<ModelSettings>;
  /** Reasons that /readyz gives. */
  readonly reasons?: readonly string[];
  /** False = webhooks may not reach this machine; true when absent, because the receivers of tests are here. */
  readonly allowPrivateWebhooks?: boolean;
  /** What names of hosts mean to webhooks. */
  readonly resolveHost?: EgressOptions['resolve'];
  /** Other waits between attempts, another run of failures that disables an endpoint. */
  readonly webhooks?: Partial<EngineOptions['webhooks']>;
  /** Lines of the log, as JSON. */
  readonly logLines?: string[];
}

/** A node with its HTTP face on a free port, in this process. */
export interface TestApi {
  readonly url: string;
  readonly databaseUrl: string;
  readonly context: ActionContext;
  readonly hub: EventHub;
  readonly server: FastifyInstance;
  readonly signingSecret: string;
  /** Key of tenant "default", user "admin", all scopes. */
  readonly adminKey: string;
  /** Begins to drain, as SIGTERM does. */
  drain(): void;
  /** A session token of this server, valid for an hour. */
  token(claims?: Partial<TokenClaims>): string;
  /** A new API key. */
  key(owner?: {
    readonly tenantId?: string;
    readonly userId?: string;
    readonly scopes?: readonly Scope[];
  }): Promise<string>;
}

const SIGNING_SECRET = 'a signing secret of the tests';
const NO_MODELS: ModelSettings = {
  model: null,
  anthropicApiKey: null,
  anthropicBaseUrl: null,
  openaiApiKey: null,
  openaiBaseUrl: null,
  googleGenerativeAiApiKey: null,
  openaiCompatibleUrl: null,
  openaiCompatibleApiKey: null,
};
const HOUR_MS = 3_600_000;

/** Starts an API on a database of its own; both go with the tests of the file, or with the given test. Call it as createTestDatabase. */
export const startApi = async (options: ApiOptions = {}, t?: TestContext): Promise<TestApi> => {
  const undo = new AsyncDisposableStack();
  const stop = async (): Promise<void> => await undo.disposeAsync();
  // Before the database's own hook, which drops it.
  if (t) t.after(stop);
  else after(stop);
  const databaseUrl = options.databaseUrl ?? (await createTestDatabase(t)).url;
  const context = await startContext({ options, databaseUrl, undo });
  const hub = new EventHub({
    ...context,
    db: options.wrapHubDatabase?.(context.db) ?? context.db,
    pollMs: options.pollMs ?? 200,
  });
  hub.start();
  undo.defer(async () => await hub.stop());
  const realtime = new Realtime({ context, hub, pollMs: options.pollMs ?? 200, ...options.realtime });
  realtime.start();
  undo.defer(async () => await realtime.stop());
  const draining = new AbortController();
  const health = { check: async () => await Promise.resolve(options.reasons ?? []) };
  const servesApi = options.servesApi ?? true;
  const server = buildServer({
    context,
    hub,
    realtime,
    health,
    log: context.log,
    draining: draining.signal,
    servesApi,
    queryTimeoutMs: options.queryTimeoutMs ?? 30_000,
    ...(options.replayWaitMs === undefined ? {} : { replayWaitMs: options.replayWaitMs }),
    ...(options.sockets ? { sockets: options.sockets } : {}),
    publicUrl: null,
    mailDomain: 'kazi.localhost',
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  undo.defer(async () => {
    server.server.closeAllConnections();
    await server.close();
  });
  const key: TestApi['key'] = async ({ tenantId = 'default', userId = 'admin', scopes = ['user'] as const } = {}) => {
    const secret = generateApiKey();
    await storeApiKey(context, { secret, tenantId, userId, name: 'test', scopes, expiresAt: null });
    return secret;
  };
  return {
    url,
    databaseUrl,
    context,
    hub,
    server,
    signingSecret: SIGNING_SECRET,
    adminKey: await key({ scopes: ['user', 'admin'] }),
    drain: () => draining.abort(),
    token: (claims) =>
      mintSessionToken({
        secret: SIGNING_SECRET,
        issuedAtMs: Date.now(),
        expiresAtMs: Date.now() + HOUR_MS,
        ...claims,
      }),
    key,
  };
};

interface Parts {
  readonly options: ApiOptions;
  readonly databaseUrl: string;
  readonly undo: AsyncDisposableStack;
}

const startContext = async ({ options, databaseUrl, undo }: Parts): Promise<ActionContext> => {
  const lines = options.logLines;
  const log = lines ? pino({ level: 'debug' }, { write: (line) => lines.push(line) }) : pino({ level: 'silent' });
  const db = new Database({ url: databaseUrl, maxConnections: 6, log });
  undo.defer(async () => await db.end());
  const notifications = new Notifications({ url: databaseUrl, log });
  await notifications.start();
  undo.defer(async () => await notifications.stop());
  const blobs = new MemoryBlobStore();
  const dataDir = options.dataDir ?? (await mkdtemp(join(await realpath(tmpdir()), 'kazi-api-')));
  if (options.dataDir === undefined) undo.defer(async () => await rm(dataDir, { recursive: true, force: true }));
  const allowPrivate = options.allowPrivateWebhooks ?? true;
  const egress = createEgress({ allowPrivate, resolve: options.resolveHost });
  undo.defer(async () => await egress.stop());
  const context: ActionContext = {
    db,
    log,
    notifications,
    blobs,
    intake: new JobIntake({ db, notifications, log }),
    directory: new Directory(db),
    apiKeys: new ApiKeyCache({ db, notifications, log }),
    requestCounts: new RequestCounts(db),
    rateLimits: options.rateLimits ?? { sessionToken: 60, apiKey: null },
    signingSecrets: [{ secret: SIGNING_SECRET, tenantId: null }],
    keyring: { current: Buffer.alloc(32, 1), previous: [] },
    webhookRefusal: async (url) => await egress.refusalOf(url, webhookPolicy(url, allowPrivate)),
    defaultAgent: options.defaultAgent ?? 'echo',
    maxSchedules: options.maxSchedules ?? 10_000,
    budgets: { sessionMaxRequests: 200, sessionMaxCostMicros: 2_000_000, tenantMaxCostMicros: null },
    sessions: { mostPrompts: 10, promptKeepMs: 3_600_000, canStop: true, ...options.sessions },
    workspaceForks: new WorkspaceForks(dataDir),
    batches: { mostItems: 10_000, mostSteps: 200, tenantCap: 50 },
    mail: { domain: 'kazi.localhost', mostPerMinute: null, canAnswer: false, attachBytes: 0 },
    models: createModelCatalog({ settings: { ...NO_MODELS, ...options.models } }),
    listLiveFiles: async () => await Promise.resolve([]),
    workspaceFiles: new SessionFiles(join(tmpdir(), 'no-such-folder')),
  };
  if (options.runsJobs === false) return context;
  return await startEngine({ options, databaseUrl, undo, dataDir }, { context, egress });
};

const startEngine = async (
  { options, undo, dataDir }: Parts & { readonly dataDir: string },
  { context, egress }: { readonly context: ActionContext; readonly egress: GuardedEgress },
): Promise<ActionContext> => {
  const { db, log } = context;
  const { provider: sandboxes } = await chooseSandboxProvider({ name: null, logger: log });
  undo.defer(async () => await sandboxes.stop());
  const workbenches = new SessionWorkbenches({ dataDir, sandboxes, blobs: context.blobs, log });
  const engine = new Engine({
    ...context,
    context,
    workbenches,
    runtimes: options.runtimes ?? [echoRuntime, shellRuntime],
    findAgent: async (job) => await agentOfRun(db, job),
    role: 'all',
    address: `test:${process.pid}`,
    lifeSign: new LifeSign({ dataDir, log }),
    leaseMs: 10_000,
    pollMs: 200,
    concurrency: 50,
    tenantCap: 50,
    jobTimeoutMs: 60_000,
    maxAttempts: 3,
    eventRetentionMs: null,
    drainMs: 0,
    modelBatches: {
      batches: createModelBatches({ settings: NO_MODELS, models: createModels({ settings: NO_MODELS }) }),
      batchWindowMs: 0,
      batchPollMs: 100,
    },
    webhooks: {
      egress,
      allowPrivate: options.allowPrivateWebhooks ?? true,
      renderJob: async (delivery) => {
        const worker = await readToldWorker(context, delivery);
        return worker
          ? toTurnWebhookBody(worker, delivery, 'https://kazi.invalid')
          : toWebhookBody(await readEndedJob(context, delivery), delivery);
      },
      ...options.webhooks,
    },
    // Tests of mail have a server with its listener: tests/support/mail-server.ts.
    mail: { mailer: null, renderMail: async () => await Promise.reject(new Error('this node sends no mail')) },
  });
  undo.defer(async () => await engine.stop());
  await engine.start();
  return {
    ...context,
    listLiveFiles: async (job) => await workbenches.listLiveFiles(job),
    workspaceFiles: new SessionFiles(dataDir),
  };
};
