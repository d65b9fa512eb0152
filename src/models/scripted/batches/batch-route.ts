import type { IncomingMessage } from 'node:http';
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

/** `loseAnswer`: it took effect, and the client never learns of it. */
export type BatchReply =
  | { readonly json: unknown }
  | { readonly text: string; readonly contentType: string }
  | { readonly loseAnswer: true };

/** One endpoint; `path` has the id in its first group. Its handler throws WireError. */
export interface BatchRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: RegExp;
  readonly format: WireFormat;
  readonly answer: (call: BatchCall) => BatchReply | Promise<BatchReply>;
}
