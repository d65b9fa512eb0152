import { hostname } from 'node:os';
import { agentOfRun } from '../actions/agent-of-run.ts';
import type { ActionContext } from '../actions/context.ts';
import { readEndedJob } from '../actions/read-ended-job.ts';
import { readMailAnswer } from '../actions/read-mail-answer.ts';
import { readToldWorker } from '../actions/read-told-worker.ts';
import type { Config } from '../config.ts';
import type { Egress } from '../egress/egress.ts';
import { createEgress } from '../egress/guarded-egress.ts';
import { Engine, type EngineOptions } from '../engine/engine.ts';
import { LifeSign } from '../engine/life-sign.ts';
import { toWebhookBody } from '../http/jobs/webhook-body.ts';
import { toTurnWebhookBody } from '../http/workers/turn-webhook-body.ts';
import { fileUrl } from '../http/workers/worker-url.ts';
import { createSmtpMailer } from '../mail/smtp/smtp-mailer.ts';
import { createModelBatches } from '../models/batches/model-batches.ts';
import { createModels } from '../models/models.ts';
import { echoRuntime } from '../runtimes/echo/echo-runtime.ts';
import { createLlmRuntime } from '../runtimes/llm/llm-runtime.ts';
import { shellRuntime } from '../runtimes/shell/shell-runtime.ts';
import { chooseSandboxProvider } from '../sandboxes/choose-provider.ts';
import { Database } from '../storage/database.ts';
import { SessionWorkbenches } from '../workspaces/session-workbenches.ts';
import type { AppOptions } from './options.ts';
import { priceOverridesOf } from './price-overrides.ts';

const DAY_MS = 86_400_000;

/** Starts what runs jobs, on connections and with adapters of its own; gives the context that sees its live files, too. Throws SANDBOX_UNAVAILABLE. */
export const startEngine = async (parts: {
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
