import type { Logger } from 'pino';
import type { Queryable } from '../storage/database.ts';
import { rescueJobs } from '../storage/held-jobs.ts';
import { listSignedNodes, retireNode } from '../storage/nodes.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import type { LifeSign } from './life-sign.ts';
import { Poller } from './poller.ts';
import { jitter } from './wait.ts';

export interface RescuerOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly lifeSign: LifeSign;
  readonly maxAttempts: number;
  /** Time between two looks: what a pick-up may take beyond the lease. */
  readonly everyMs: number;
}

const LIMIT = 500;

/** Takes back what dead nodes hold. Every node runs one; they do not get into each other's way. */
export const createRescuer = (options: RescuerOptions): Poller =>
  new Poller({
    log: options.log,
    failure: 'rescuing failed',
    look: async () => {
      await retireDead(options);
      return (await rescue(options)) === LIMIT ? 0 : jitter(options.everyMs);
    },
  });

/** How many jobs were taken back. */
const rescue = async ({ db, log, notifications, maxAttempts }: RescuerOptions): Promise<number> => {
  const { dead, released, sessions, lanes } = await rescueJobs(db, { limit: LIMIT, maxAttempts });
  if (dead.length > 0) log.warn({ nodes: dead }, 'nodes lost their leases');
  if (released > 0) log.warn({ jobs: released }, 'jobs of lost nodes were taken back');
  for (const session of sessions) notifications.publish('events', session);
  for (const lane of lanes) notifications.publish('lanes', lane);
  // Those that were given up, or canceled before, have ended with this.
  if (released > 0) notifications.publish('deliveries', EVERYTHING);
  return released;
};

/** Ends the leases of nodes whose processes are gone for certain: a start on the same folder goes on at once. */
const retireDead = async ({ db, log, lifeSign }: RescuerOptions): Promise<void> => {
  if (lifeSign.name === null) return;
  const nodes = await listSignedNodes(db);
  const dead = new Set(nodes.map((node) => node.lifeSign).filter((sign) => lifeSign.isOfDead(sign)));
  for (const node of nodes) {
    if (!dead.has(node.lifeSign)) continue;
    await retireNode(db, node.nodeId);
    log.warn({ node: node.nodeId }, 'a node died; its lease is not waited for');
  }
  // A process that lost a lease has been several nodes under one sign: only now is it of no more use.
  for (const sign of dead) lifeSign.forget(sign);
};
