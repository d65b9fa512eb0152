import type { ActionContext } from '../../actions/context.ts';
import type { EventHub } from '../../realtime/event-hub.ts';
import type { Realtime } from '../../realtime/realtime.ts';
import type { SocketSettings } from './sockets/settings.ts';

/** What the routes of the jobs API work with. */
export interface JobRoutesOptions {
  readonly context: ActionContext;
  readonly hub: EventHub;
  readonly realtime: Realtime;
  /** Aborted when the node begins to stop. */
  readonly draining: AbortSignal;
  /** Aborted when the server closes: its own jobs have been seen to their end, or handed back. */
  readonly closing: AbortSignal;
  /** How long a query may take before its run is stopped. */
  readonly queryTimeoutMs: number;
  /** How long a repeated request waits for the answer of a first one that is still open. */
  readonly replayWaitMs: number;
  /** In place of what the contract says of open sockets; for tests. */
  readonly sockets?: Partial<SocketSettings>;
}
