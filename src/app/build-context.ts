import { ApiKeyCache } from '../actions/api-key-cache.ts';
import type { ActionContext } from '../actions/context.ts';
import { Directory } from '../actions/directory.ts';
import { JobIntake } from '../actions/job-intake.ts';
import { RequestCounts } from '../actions/request-counts.ts';
import type { DiskBlobStore } from '../blobs/disk/disk-blob-store.ts';
import type { Config } from '../config.ts';
import { webhookPolicy } from '../core/webhook-policy.ts';
import { type GuardedEgress } from '../egress/guarded-egress.ts';
import { createModelCatalog } from '../models/model-catalog.ts';
import { type InstallationSecrets } from '../secrets/installation-secrets.ts';
import type { Database } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { SessionFiles } from '../workspaces/session-files.ts';
import { WorkspaceForks } from '../workspaces/workspace-forks.ts';
import type { AppOptions } from './options.ts';
import { priceOverridesOf } from './price-overrides.ts';

/** What the actions of this process work with, by the operator's settings. */
export const buildContext = (parts: {
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

/** Settings say 0 for no limit. */
const operatorBudgets = (config: Config): ActionContext['budgets'] => ({
  sessionMaxRequests: config.sessionMaxRequests || null,
  sessionMaxCostMicros: toMicros(config.sessionMaxCostUsd || null),
  tenantMaxCostMicros: toMicros(config.tenantMaxCostUsd),
});

const toMicros = (dollars: number | null): number | null => dollars && Math.round(dollars * 1_000_000);
