import type { ActionContext } from '../../actions/context.ts';
import type { EventHub } from '../../realtime/event-hub.ts';

/** What the routes of the jobs API work with. */
export interface JobRoutesOptions {
  readonly context: ActionContext;
  readonly hub: EventHub;
  /** Aborted when the node begins to stop. */
  readonly draining: AbortSignal;
}
