import type { ActionContext } from '../../actions/context.ts';
import type { EventHub } from '../../realtime/event-hub.ts';

/** What the routes of the workers API work with. */
export interface WorkerRoutesOptions {
  readonly context: ActionContext;
  readonly hub: EventHub;
  /** Aborted when the node begins to stop. */
  readonly draining: AbortSignal;
  /** Where clients reach this server; null = as each request came. */
  readonly publicUrl: string | null;
  /** Domain of the mail addresses of workers. */
  readonly mailDomain: string;
}
