import type { ActionContext } from '../../actions/context.ts';

/** What the routes of the batches API work with. */
export interface BatchesRoutesOptions {
  readonly context: ActionContext;
  /** Aborted when the node begins to stop. */
  readonly draining: AbortSignal;
}
