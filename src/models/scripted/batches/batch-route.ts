import type { IncomingMessage } from 'node:http';
import type { ScriptedBatchFault } from '../script.ts';
import type { WireFormat } from '../wire-format.ts';
import type { ScriptedBatches } from './scripted-batches.ts';

/** A request to one of the batch endpoints. */
export interface BatchCall {
  readonly request: IncomingMessage;
  /** Of the path, the part that names a batch or file; empty where there is none. */
  readonly id: string;
  readonly query: URLSearchParams;
  readonly batches: ScriptedBatches;
}

/** `lost`: it took effect, and the client never learns of it: the connection ends, or is silent until the client leaves. */
export type BatchReply =
  | { readonly json: unknown }
  | { readonly text: string; readonly contentType: string }
  | { readonly lost: 'cut' | 'hang' };

/** One endpoint; `path` has the id in its first group. Its handler throws WireError. */
export interface BatchRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: RegExp;
  readonly format: WireFormat;
  readonly answer: (call: BatchCall) => BatchReply | Promise<BatchReply>;
}

/** What a client gets to know of a batch that was made. */
export const replyOf = (fault: ScriptedBatchFault | null, json: unknown): BatchReply => {
  if (fault?.hang === true) return { lost: 'hang' };
  return fault?.loseAnswer === true ? { lost: 'cut' } : { json };
};
