import type { ActionContext } from '../actions/context.ts';
import type { EventHub } from './event-hub.ts';
import { KeyWatch } from './key-watch.ts';
import { Presence } from './presence.ts';
import { Refusals } from './refusals.ts';
import { SessionArrivals } from './session-arrivals.ts';

export interface RealtimeOptions {
  readonly context: ActionContext;
  readonly hub: EventHub;
  /** How late something comes whose notification was lost. */
  readonly pollMs: number;
  /** How often a node says that its connections live; 10 s when absent. */
  readonly presenceMs?: number;
}

const PRESENCE_MS = 10_000;
/** Revocations are rare, and every open key is asked for at each look. */
const KEY_POLLS = 15;

/** What open connections of this node listen to. */
export class Realtime {
  readonly hub: EventHub;
  readonly arrivals: SessionArrivals;
  readonly presence: Presence;
  readonly keys: KeyWatch;
  readonly refusals: Refusals;

  constructor({ context, hub, pollMs, presenceMs = PRESENCE_MS }: RealtimeOptions) {
    this.hub = hub;
    this.arrivals = new SessionArrivals({ ...context, pollMs });
    this.presence = new Presence({ ...context, renewMs: presenceMs });
    this.keys = new KeyWatch({ ...context, pollMs: pollMs * KEY_POLLS });
    this.refusals = new Refusals(context.notifications);
  }

  start(): void {
    this.arrivals.start();
    this.presence.start();
    this.keys.start();
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    await Promise.all([this.arrivals.stop(), this.presence.stop(), this.keys.stop()]);
  }
}
