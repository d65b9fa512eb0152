import { join } from 'node:path';
import type { ActionContext } from '../actions/context.ts';
import { storeApiKey } from '../actions/make-api-key.ts';
import { DiskBlobStore } from '../blobs/disk/disk-blob-store.ts';
import { DEFAULT_TENANT_ID } from '../core/principal.ts';
import { createEgress } from '../egress/guarded-egress.ts';
import type { Engine } from '../engine/engine.ts';
import { startEmbeddedPostgres } from '../postgres/embedded-postgres.ts';
import { type InstallationSecrets, loadOrCreateSecrets } from '../secrets/installation-secrets.ts';
import { Database } from '../storage/database.ts';
import { migrate } from '../storage/migrate.ts';
import { Notifications } from '../storage/notifications.ts';
import { buildContext } from './build-context.ts';
import type { AppOptions } from './options.ts';
import { startEngine } from './start-engine.ts';

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
      return {
        context,
        engine: undefined,
        secrets,
        sandboxReason: undefined,
        stop: async () => await undo.disposeAsync(),
      };
    const running = await startEngine({ options, url, enginePool, context, undo, webhookEgress });
    return {
      context: running.context,
      engine: running.engine,
      secrets,
      sandboxReason: running.sandboxReason,
      stop: async () => await undo.disposeAsync(),
    };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
};

const startDatabase = async ({ config, log }: AppOptions, undo: AsyncDisposableStack): Promise<string> => {
  const postgres = await startEmbeddedPostgres({ dataDir: config.dataDir, log });
  undo.defer(async () => await postgres.stop());
  return postgres.url;
};

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
