import type { FastifyInstance } from 'fastify';
import { acceptMail, checkMailRecipient } from '../actions/accept-mail.ts';
import type { ActionContext } from '../actions/context.ts';
import type { Config } from '../config.ts';
import { KaziError } from '../core/errors.ts';
import type { MailDelivery } from '../core/mail.ts';
import { buildServer } from '../http/server.ts';
import { SmtpListener } from '../mail/smtp/smtp-listener.ts';
import { EventHub } from '../realtime/event-hub.ts';
import { Realtime } from '../realtime/realtime.ts';
import { databaseFaults } from '../storage/health.ts';
import { type Node, startNode } from './node.ts';
import type { AppOptions } from './options.ts';

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
    return {
      node,
      url,
      smtpPort,
      apiKey: secrets.apiKey,
      newApiKeyPath: secrets.newApiKeyPath,
      stop: async () => await undo.disposeAsync(),
    };
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
