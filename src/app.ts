import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { acceptMail, checkMailRecipient } from './actions/accept-mail.ts';
import { agentOfRun } from './actions/agent-of-run.ts';
import { ApiKeyCache } from './actions/api-key-cache.ts';
import type { ActionContext } from './actions/context.ts';
import { Directory } from './actions/directory.ts';
import { JobIntake } from './actions/job-intake.ts';
import { storeApiKey } from './actions/make-api-key.ts';
import { readEndedJob } from './actions/read-ended-job.ts';
import { readMailAnswer } from './actions/read-mail-answer.ts';
import { readToldWorker } from './actions/read-told-worker.ts';
import { RequestCounts } from './actions/request-counts.ts';
import { DiskBlobStore } from './blobs/disk/disk-blob-store.ts';
import type { Config } from './config.ts';
import { KaziError } from './core/errors.ts';
import type { MailDelivery } from './core/mail.ts';
import { DEFAULT_TENANT_ID } from './core/principal.ts';
import { webhookPolicy } from './core/webhook-policy.ts';
import type { Egress } from './egress/egress.ts';
import { createEgress, type GuardedEgress } from './egress/guarded-egress.ts';
import { Engine, type EngineOptions } from './engine/engine.ts';
import { LifeSign } from './engine/life-sign.ts';
import { toWebhookBody } from './http/jobs/webhook-body.ts';
import { buildServer } from './http/server.ts';
import { toTurnWebhookBody } from './http/workers/turn-webhook-body.ts';
import { fileUrl } from './http/workers/worker-url.ts';
import { SmtpListener, type SmtpListenerOptions } from './mail/smtp/smtp-listener.ts';
import { createSmtpMailer } from './mail/smtp/smtp-mailer.ts';
import { createModelBatches } from './models/batches/model-batches.ts';
import { createModelCatalog } from './models/model-catalog.ts';
import { createModels } from './models/models.ts';
import { type PriceOverrides, parsePriceOverrides } from './models/price-table.ts';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.ts';
import { EventHub } from './realtime/event-hub.ts';
import { Realtime } from './realtime/realtime.ts';
import { echoRuntime } from './runtimes/echo/echo-runtime.ts';
import { createLlmRuntime } from './runtimes/llm/llm-runtime.ts';
import type { Runtime } from './runtimes/runtime.ts';
import { shellRuntime } from './runtimes/shell/shell-runtime.ts';
import { chooseSandboxProvider } from './sandboxes/choose-provider.ts';
import { type InstallationSecrets, loadOrCreateSecrets } from './secrets/installation-secrets.ts';
import { Database } from './storage/database.ts';
import { databaseFaults } from './storage/health.ts';
import { migrate } from './storage/migrate.ts';
import { Notifications } from './storage/notifications.ts';
import { SessionFiles } from './workspaces/session-files.ts';
import { SessionWorkbenches } from './workspaces/session-workbenches.ts';
import { WorkspaceForks } from './workspaces/workspace-forks.ts';

export interface AppOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Runtimes beside the built-in ones; benchmarks bring one that only waits. */
  readonly extraRuntimes?: readonly Runtime[];
  /** How names are looked up that prove who sent a mail; as the machine does when absent. */
  readonly mailResolver?: SmtpListenerOptions['resolver'];
}

/** A running node without its HTTP face. */
export interface Node {
  readonly context: ActionContext;
  /** Undefined on a node that only serves the API. */
  readonly engine: Engine | undefined;
  readonly secrets: InstallationSecrets;
  /** One sentence on which sandbox was chosen; undefined where no jobs run. */
  readonly sandboxReason: string | undefined;
  stop(): Promise<void>;
}

/** A running node with its HTTP face. */
export interface App {
  readonly node: Node;
  /** Where it listens; the real port when 0 was asked for. */
  readonly url: string;
  /** Where it listens for mail; null when it does not. */
  readonly smtpPort: number | null;
  /** The bootstrap key. */
  readonly apiKey: string;
  /** Set when this start made the bootstrap key: its file. */
  readonly newApiKeyPath: string | null;
  /** Refuses new work, ends streams with their cursor, sees jobs to their end or hands them back, stops everything. Safe twice. */
  stop(): Promise<void>;
}

const DAY_MS = 86_400_000;
/** Share of the connections that the engine keeps for itself, so that a flood of requests never delays a lease. */
const ENGINE_SHARE = 0.4;

/** Builds and starts everything but the HTTP face. Throws INVALID_CONFIG, DATA_DIR_IN_USE, MIGRATION_REFUSED and their like. */
export const startNode = async (options: AppOptions): Promise<Node> => {
  const { config, log } = options;
  const undo = new AsyncDisposableStack();
  try {
    const secrets = await loadOrCreateSecrets(config.dataDir, config);
    const url = config.databaseUrl ?? (await startDatabase(options, undo));
    await migrate({ databaseUrl: url, log });
    const enginePool = Math.max(2, Math.round(config.databasePool * ENGINE_SHARE));
    const db = new Database({ url, maxConnections: Math.max(1, config.databasePool - enginePool), log });
    undo.defer(async () => await db.end());
    const notifications = new Notifications({ url, log });
    await notifications.start();
    undo.defer(async () => await notifications.stop());
    const blobs = new DiskBlobStore(join(config.dataDir, 'blobs'));
    const webhookEgress = createEgress({ allowPrivate: config.allowPrivateWebhooks });
    undo.defer(async () => await webhookEgress.stop());
    const context = buildContext({ options, db, notifications, blobs, secrets, webhookEgress });
    await storeBootstrapKey(context, secrets);
    if (config.role === 'api')
      return { context, engine: undefined, secrets, sandboxReason: undefined, stop: stopOf(undo) };
    const running = await startEngine({ options, url, enginePool, context, undo, webhookEgress });
    return {
      context: running.context,
      engine: running.engine,
      secrets,
      sandboxReason: running.sandboxReason,
      stop: stopOf(undo),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
};

/** Starts a node and listens. Throws as startNode does, and ADDRESS_UNAVAILABLE. */
export const startApp = async (options: AppOptions): Promise<App> => {
  const { config, log } = options;
  const undo = new AsyncDisposableStack();
  try {
    const node = await startNode(options);
    undo.defer(async () => await node.stop());
    const { context, engine, secrets } = node;
    const hub = new EventHub({ ...context, pollMs: config.pollMs });
    hub.start();
    undo.defer(async () => await hub.stop());
    const realtime = new Realtime({ context, hub, pollMs: config.pollMs });
    realtime.start();
    undo.defer(async () => await realtime.stop());
    const draining = new AbortController();
    const health = { check: async () => await faultsOf(node) };
    const server = buildServer({
      context,
      hub,
      realtime,
      health,
      log,
      draining: draining.signal,
      queryTimeoutMs: config.queryTimeoutMs,
      publicUrl: config.publicUrl,
      mailDomain: config.mailDomain,
      servesApi: config.role !== 'runner',
    });
    undo.defer(async () => await server.close());
    const url = await listen(server, config);
    // Jobs are seen to their end while requests about them are still answered.
    undo.defer(async () => await engine?.stop());
    undo.defer(() => draining.abort());
    const smtpPort = await startMail(options, context, undo);
    log.info({ url, role: config.role }, 'listening');
    return { node, url, smtpPort, apiKey: secrets.apiKey, newApiKeyPath: secrets.newApiKeyPath, stop: stopOf(undo) };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
};

const listen = async (server: FastifyInstance, { host, port }: Config): Promise<string> => {
  try {
    return await server.listen({ host, port });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new KaziError('ADDRESS_UNAVAILABLE', { host, port, reason, setting: '--port' }, { cause });
  }
};

/** Takes mail in where requests are answered, if the operator names a port for it; gives the real one. */
const startMail = async (
  { config, log, mailResolver: resolver }: AppOptions,
  context: ActionContext,
  undo: AsyncDisposableStack,
): Promise<number | null> => {
  if (config.smtpPort === null || config.role === 'runner') return null;
  const door = {
    checkRecipient: async (address: string) => await checkMailRecipient(context, address),
    accept: async (delivery: MailDelivery) => await acceptMail(context, delivery),
  };
  const listener = new SmtpListener({ settings: { ...config, smtpPort: config.smtpPort }, resolver, door, log });
  const port = await listener.start();
  undo.defer(async () => await listener.stop());
  return port;
};

/** Why a node is not ready; empty when it is. */
const faultsOf = async ({ context, engine }: Node): Promise<readonly string[]> => {
  const faults = await databaseFaults(context.db);
  return engine === undefined || engine.isClaiming
    ? faults
    : [...faults, 'The runner does not claim jobs at the moment.'];
};

const stopOf = (undo: AsyncDisposableStack) => async (): Promise<void> => {
  await undo.disposeAsync();
};

const startDatabase = async ({ config, log }: AppOptions, undo: AsyncDisposableStack): Promise<string> => {
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  undo.defer(async () => await postgres.stop());
  return postgres.url;
};

const buildContext = (parts: {
  readonly options: AppOptions;
  readonly db: Database;
  readonly notifications: Notifications;
  readonly blobs: DiskBlobStore;
  readonly secrets: InstallationSecrets;
  readonly webhookEgress: GuardedEgress;
}): ActionContext => {
  const { db, notifications, blobs, secrets } = parts;
  const { config, log } = parts.options;
  return {
    db,
    log,
    notifications,
    blobs,
    intake: new JobIntake({ db, notifications, log }),
    directory: new Directory(db),
    apiKeys: new ApiKeyCache({ db, notifications, log }),
    requestCounts: new RequestCounts(db),
    rateLimits: { sessionToken: config.rateLimit || null, apiKey: config.apiKeyRateLimit || null },
    signingSecrets: [{ secret: secrets.sessionSigningSecret, tenantId: null }],
    keyring: secrets.keyring,
    webhookRefusal: async (url) =>
      await parts.webhookEgress.refusalOf(url, webhookPolicy(url, config.allowPrivateWebhooks)),
    defaultAgent: config.defaultAgent,
    maxSchedules: config.tenantMaxSchedules,
    budgets: operatorBudgets(config),
    sessions: {
      mostPrompts: config.promptQueueLimit,
      promptKeepMs: config.promptExpiryMs,
      canStop: config.sessionStop,
    },
    workspaceForks: new WorkspaceForks(config.dataDir),
    batches: {
      mostItems: config.batchLimit,
      mostSteps: config.batchMaxSteps,
      tenantCap: config.tenantConcurrency,
    },
    mail: {
      domain: config.mailDomain,
      mostPerMinute: config.mailRateLimit || null,
      canAnswer: config.smtpRelayUrl !== null,
      attachBytes: config.mailAttachBytes,
    },
    models: createModelCatalog({ settings: config, priceOverrides: priceOverridesOf(config) }),
    listLiveFiles: async () => await Promise.resolve([]),
    workspaceFiles: new SessionFiles(config.dataDir),
  };
};

/** Who is told of the end of a job, and in which words. */
const tellersOf = (parts: {
  readonly config: Config;
  readonly context: ActionContext;
  readonly undo: AsyncDisposableStack;
  readonly webhookEgress: Egress;
}): Pick<EngineOptions, 'webhooks' | 'mail'> => {
  const { config, context, undo, webhookEgress } = parts;
  const baseUrl = (config.publicUrl ?? `http://${config.host}:${config.port}`).replace(/\/+$/, '');
  const mailer = config.smtpRelayUrl === null ? null : createSmtpMailer(config.smtpRelayUrl);
  undo.defer(() => mailer?.close());
  return {
    webhooks: {
      egress: webhookEgress,
      allowPrivate: config.allowPrivateWebhooks,
      renderJob: async (delivery) => {
        const worker = await readToldWorker(context, delivery);
        return worker
          ? toTurnWebhookBody(worker, delivery, baseUrl)
          : toWebhookBody(await readEndedJob(context, delivery), delivery);
      },
    },
    mail: {
      mailer,
      renderMail: async ({ jobId }, thread) =>
        await readMailAnswer(context, { jobId, thread, toFileUrl: (id, path) => fileUrl(baseUrl, id, path) }),
    },
  };
};

/** Only nodes that run jobs call models. */
const startModels = (
  { config, extraRuntimes = [] }: AppOptions,
  undo: AsyncDisposableStack,
): Pick<EngineOptions, 'runtimes' | 'modelBatches'> => {
  const egress = createEgress({ allowPrivate: config.allowPrivateFetch });
  undo.defer(async () => await egress.stop());
  const models = createModels({ settings: config, priceOverrides: priceOverridesOf(config) });
  return {
    runtimes: [echoRuntime, shellRuntime, createLlmRuntime({ models, egress }), ...extraRuntimes],
    modelBatches: {
      batches: createModelBatches({ settings: config, models }),
      batchWindowMs: config.modelBatchWindowMs,
      batchPollMs: config.modelBatchPollMs,
    },
  };
};

const priceOverridesOf = ({ pricesFile }: Config): PriceOverrides =>
  pricesFile === null ? {} : parsePriceOverrides(readPrices(pricesFile), pricesFile);

const readPrices = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `KAZI_PRICES_FILE: found "${path}", which cannot be read; expected a JSON file of prices (docs/models.md).`;
    throw new KaziError('INVALID_CONFIG', { message }, { cause });
  }
};

/** Settings say 0 for no limit. */
const operatorBudgets = (config: Config): ActionContext['budgets'] => ({
  sessionMaxRequests: config.sessionMaxRequests || null,
  sessionMaxCostMicros: toMicros(config.sessionMaxCostUsd || null),
  tenantMaxCostMicros: toMicros(config.tenantMaxCostUsd),
});

const toMicros = (dollars: number | null): number | null => dollars && Math.round(dollars * 1_000_000);

/** The key of operations.md: tenant default, user admin, all scopes. */
const storeBootstrapKey = async (context: ActionContext, secrets: InstallationSecrets): Promise<void> => {
  await storeApiKey(context, {
    secret: secrets.apiKey,
    tenantId: DEFAULT_TENANT_ID,
    userId: 'admin',
    name: 'bootstrap',
    scopes: ['user', 'admin'],
    expiresAt: null,
  });
};

const startEngine = async (parts: {
  readonly options: AppOptions;
  readonly url: string;
  readonly enginePool: number;
  readonly context: ActionContext;
  readonly undo: AsyncDisposableStack;
  readonly webhookEgress: Egress;
}): Promise<{ readonly engine: Engine; readonly context: ActionContext; readonly sandboxReason: string }> => {
  const { context, undo } = parts;
  const { config, log } = parts.options;
  const choice = await chooseSandboxProvider({ name: config.sandbox, logger: log });
  undo.defer(async () => await choice.provider.stop());
  log.info({ sandbox: choice.provider.name }, choice.reason);
  const workbenches = new SessionWorkbenches({
    dataDir: config.dataDir,
    sandboxes: choice.provider,
    blobs: context.blobs,
    log,
  });
  const db = new Database({ url: parts.url, maxConnections: parts.enginePool, log });
  undo.defer(async () => await db.end());
  const engine = new Engine({
    context,
    db,
    log,
    notifications: context.notifications,
    workbenches,
    ...startModels(parts.options, undo),
    findAgent: async (job) => await agentOfRun(db, job, config.batchModelCalls),
    role: config.role,
    address: `${hostname()}:${process.pid}`,
    lifeSign: new LifeSign({ dataDir: config.dataDir, log }),
    leaseMs: config.leaseMs,
    pollMs: config.pollMs,
    concurrency: config.runnerConcurrency,
    tenantCap: config.tenantConcurrency,
    jobTimeoutMs: config.jobTimeoutMs,
    maxAttempts: config.maxAttempts,
    eventRetentionMs: config.eventRetentionDays === null ? null : config.eventRetentionDays * DAY_MS,
    drainMs: config.drainMs,
    ...tellersOf({ config, context, undo, webhookEgress: parts.webhookEgress }),
  });
  undo.defer(async () => await engine.stop());
  await engine.start();
  const live = {
    ...context,
    listLiveFiles: async (job: { id: string; sessionNum: number; attempts: number }) =>
      await workbenches.listLiveFiles(job),
  };
  return { engine, context: live, sandboxReason: choice.reason };
};
