import type { Logger } from 'pino';
import type { ClaimedDelivery } from '../core/webhook-delivery.ts';
import { deliveryBounds, retryAfterMsOf, retryWaitMs } from '../core/webhook-retry.ts';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import {
  claimDueDeliveries,
  claimJobDeliveries,
  type DeliveryRoom,
  disableEndpoint,
  type EndpointHealth,
  finishAttempt,
  giveBackDelivery,
  nextDeliveryInMs,
  takeBackDeliveries,
} from '../storage/webhook-deliveries.ts';
import { DeliveryLimits } from './delivery-limits.ts';
import type { NodeLease } from './node-lease.ts';
import { Poller } from './poller.ts';
import { type SendMailOptions, sendMail } from './send-mail.ts';
import { describeOwnFault, type SendOptions, type SendResult, sendWebhook } from './send-webhook.ts';
import { untilAnswered } from './until-answered.ts';
import { jitter, waitFor } from './wait.ts';

export interface DelivererOptions extends SendOptions, SendMailOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly lease: NodeLease;
  /** Longest time between two looks when nobody rings. */
  readonly pollMs: number;
  /** Wait after so many failed attempts; that of the contract when absent. */
  readonly waitMs?: typeof retryWaitMs;
  /** The run of failures that takes an endpoint out of use. */
  readonly disableAfter?: { readonly failures: number; readonly failingMs: number };
}

/** Attempts at once on one node, to all targets. */
const MOST_UNDER_WAY = 1_000;
const MOST_HINTS = 1_000;
/** Targets that one look for due attempts passes; about 5 µs each. */
const WINDOW_TARGETS = 500;
/** Jobs that brought no webhook also ring: looks that find nothing come no closer together than this. */
const EMPTY_LOOK_MS = 15;
/** How long attempts under way are waited for when the node stops. */
const STOP_MS = 2_000;
const DISABLE_AFTER = { failures: 50, failingMs: 86_400_000 };

/**
 * Sends what the trigger of migration 0028 wrote: webhooks, and answers to mails. Deliveries are claimed like jobs: under the node's lease, each attempt
 * with a fencing token, so that a dead node's are taken up by another and a lost one's change nothing.
 */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #poller: Poller;
  readonly #limits = new DeliveryLimits();
  readonly #attempts = new Set<Promise<void>>();
  /** Ends attempts under way, some time after the rest stops. */
  readonly #ending = new AbortController();
  #hints = new Set<string>();
  #afterTarget = '';
  #scanAtMs = 0;
  #takeBackAtMs = 0;
  #unsubscribe: (() => void) | undefined;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#poller = new Poller({
      log: options.log,
      failure: 'claiming deliveries failed',
      look: async (signal) => ((await this.#turn(signal)) ? 0 : this.#idleMs()),
    });
  }

  start(): void {
    this.#unsubscribe ??= this.#options.notifications.subscribe('deliveries', () => this.#scanSoon());
    this.#poller.start();
  }

  /** Waits for attempts under way a little, then gives them back. Safe twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#poller.stop();
    const all = Promise.all(this.#attempts);
    const done = new AbortController();
    void all.then(() => done.abort());
    await waitFor(STOP_MS, done.signal);
    this.#ending.abort();
    await all;
  }

  /** A job has ended on this node, and may have written deliveries. */
  hintJob(jobId: string): void {
    if (this.#hints.size < MOST_HINTS) this.#hints.add(jobId);
    else this.#scanAtMs = 0;
    this.#poller.ring();
  }

  #scanSoon(): void {
    this.#scanAtMs = 0;
    this.#poller.ring();
  }

  /** One look; true when there may be more to send at once. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    const nodeId = this.#options.lease.nodeId;
    const limit = MOST_UNDER_WAY - this.#limits.underWay;
    if (nodeId === undefined || limit <= 0) return false;
    if (this.#hints.size > 0) await this.#lookAtHints({ nodeId, limit }, signal);
    if (performance.now() < this.#scanAtMs) return this.#hints.size > 0;
    return await this.#scan({ nodeId, limit: MOST_UNDER_WAY - this.#limits.underWay });
  }

  async #lookAtHints(room: Pick<DeliveryRoom, 'nodeId' | 'limit'>, signal: AbortSignal): Promise<void> {
    const jobIds = [...this.#hints];
    this.#hints = new Set();
    const claimed = await claimJobDeliveries(this.#options.db, jobIds, this.#roomOf(room));
    this.#begin(claimed);
    if (claimed.length === 0) await waitFor(EMPTY_LOOK_MS, signal);
  }

  async #scan(room: Pick<DeliveryRoom, 'nodeId' | 'limit'>): Promise<boolean> {
    const { db, log, pollMs } = this.#options;
    const now = performance.now();
    // Rings that come from now on are for the next look.
    this.#scanAtMs = now + pollMs;
    if (now >= this.#takeBackAtMs) {
      this.#takeBackAtMs = now + pollMs;
      const taken = await takeBackDeliveries(db);
      if (taken > 0) log.warn({ deliveries: taken }, 'deliveries of lost nodes were taken back');
    }
    const look = { afterTarget: this.#afterTarget, window: WINDOW_TARGETS };
    const due = await claimDueDeliveries(db, look, this.#roomOf(room));
    this.#begin(due.deliveries);
    this.#afterTarget = due.nextTarget;
    if (due.nextTarget !== '' || due.deliveries.length > 0) {
      this.#scanAtMs = 0;
      return true;
    }
    const nextInMs = await nextDeliveryInMs(db);
    if (nextInMs !== null) this.#planScan(nextInMs);
    return this.#hints.size > 0;
  }

  #roomOf(room: Pick<DeliveryRoom, 'nodeId' | 'limit'>): DeliveryRoom {
    return { ...room, busyTargets: this.#limits.room(), perTarget: this.#limits.usual };
  }

  #planScan(inMs: number): void {
    this.#scanAtMs = Math.min(this.#scanAtMs, performance.now() + inMs);
  }

  #idleMs(): number {
    // Without a lease the clock must not keep this loop awake.
    if (this.#options.lease.nodeId === undefined) return Math.min(this.#options.pollMs, 50);
    const { pollMs } = this.#options;
    if (this.#limits.underWay >= MOST_UNDER_WAY) return pollMs;
    return Math.max(1, Math.min(jitter(pollMs), this.#scanAtMs - performance.now()));
  }

  #begin(deliveries: readonly ClaimedDelivery[]): void {
    for (const delivery of deliveries) {
      this.#limits.begin(delivery.target);
      const attempt = this.#attempt(delivery).finally(() => this.#attempts.delete(attempt));
      this.#attempts.add(attempt);
    }
  }

  /** One attempt with its end. Never rejects. */
  async #attempt(delivery: ClaimedDelivery): Promise<void> {
    let result: SendResult | null = null;
    try {
      if (delivery.closedReason === null) result = await this.#send(delivery);
      await (result === null ? this.#giveBack(delivery) : this.#finish(delivery, result));
    } catch (error) {
      // Without a word from the database the delivery stays this node's; it is taken back with the lease.
      this.#options.log.error({ err: error, delivery: delivery.id }, 'an attempt could not be written down');
    } finally {
      this.#limits.end(delivery.target, result);
      // There may be more for the same target, which had no room before.
      this.#scanSoon();
    }
  }

  /** Null when the attempt was not made, or broken off because the node stops. */
  async #send(delivery: ClaimedDelivery): Promise<SendResult | null> {
    try {
      const { signal } = this.#ending;
      const { mail: thread } = delivery.webhook;
      if (thread) return await sendMail(this.#options, { ...delivery, thread }, signal);
      return await sendWebhook(this.#options, delivery, signal);
    } catch (error) {
      if (this.#ending.signal.aborted || isDatabaseUnavailable(error)) return null;
      this.#options.log.error({ err: error, delivery: delivery.id }, 'a delivery could not be sent');
      const text = describeOwnFault(error) ?? 'Internal error';
      return {
        ...{ isSuccess: false, status: null, error: text, responseBody: null },
        ...{ durationMs: 0, retryAfter: null, isFinal: false },
      };
    }
  }

  async #giveBack(delivery: ClaimedDelivery): Promise<void> {
    await this.#untilAnswered(() => giveBackDelivery(this.#options.db, delivery, delivery.closedReason));
  }

  async #finish(delivery: ClaimedDelivery, { retryAfter, isFinal, ...result }: SendResult): Promise<void> {
    const { db, log, waitMs = retryWaitMs } = this.#options;
    const attempts = delivery.attempts + 1 - delivery.replayedAfter;
    const isOver = result.isSuccess || isFinal || attempts >= deliveryBounds(delivery.webhook).maxAttempts;
    const nextInMs = isOver
      ? null
      : waitMs({ attempts, retryAfterMs: retryAfterMsOf(retryAfter, Date.now()), random: Math.random });
    const health = await this.#untilAnswered(() => finishAttempt(db, delivery, { ...result, nextInMs }));
    const { id, event, jobId, endpointId } = delivery;
    const fields = { delivery: id, event, job: jobId, endpoint: endpointId, status: result.status, nextInMs };
    if (health === undefined) log.warn(fields, 'the attempt of a lost delivery was not written down');
    else if (result.isSuccess) log.debug(fields, 'webhook delivered');
    else log.info(fields, isOver ? 'webhook given up' : 'webhook attempt failed');
    if (nextInMs !== null) this.#planScan(nextInMs);
    if (health) await this.#disableIfDead(delivery, health, isFinal);
  }

  async #disableIfDead({ endpointId }: ClaimedDelivery, health: EndpointHealth, gone: boolean): Promise<void> {
    const { db, log, disableAfter = DISABLE_AFTER } = this.#options;
    const hasFailedLong = health.failures >= disableAfter.failures && health.failingMs >= disableAfter.failingMs;
    if (endpointId === null || !(gone || hasFailedLong)) return;
    const reason = gone ? 'it answered 410 Gone' : `${health.failures} attempts in a row have failed`;
    if (!(await disableEndpoint(db, endpointId, reason))) return;
    log.warn({ endpoint: endpointId, reason }, 'webhook endpoint disabled');
  }

  async #untilAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    return await untilAnswered(ask, (error) =>
      this.#ending.signal.aborted ? new Error('the node stops', { cause: error }) : undefined,
    );
  }
}
