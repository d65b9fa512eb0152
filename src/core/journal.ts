import type { ApprovalRequest } from './approval.ts';
import type { ArtifactEntry } from './artifact.ts';
import type { EventType } from './event.ts';
import type { JobOutcome } from './job.ts';
import type { ModelRequestEntry } from './model-batch.ts';
import type { ModelCall } from './model-call.ts';

/** A step as the journal holds it. A finished step is never run again. */
export interface Step {
  /** Place within the job, from 1; decided by the runtime, the same at every attempt. */
  readonly ordinal: number;
  readonly kind: 'model' | 'tool';
  readonly name: string;
  readonly state: 'started' | 'finished' | 'failed' | 'interrupted';
  readonly input: unknown;
  readonly output: unknown;
}

/** A content block of a message, as the jobs API carries it. */
export type ContentBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image'; readonly source: ImageSource }
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature?: string }
  | {
      readonly type: 'tool_use';
      readonly id: string;
      readonly name: string;
      readonly input: Readonly<Record<string, unknown>>;
    }
  | {
      readonly type: 'tool_result';
      readonly tool_use_id: string;
      readonly content: unknown;
      readonly is_error?: boolean;
    };

/** Where the bytes of an image are. */
export type ImageSource =
  | { readonly type: 'url'; readonly url: string }
  | { readonly type: 'base64'; readonly media_type: string; readonly data: string };

/** One event to be written, with the message or step change that it announces. */
export interface JournalEvent {
  readonly type: EventType;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly message?: { readonly role: 'user' | 'assistant'; readonly content: readonly ContentBlock[] };
  readonly step?: Step;
  /** Accounted in the same commit: what the step's model call used and cost; its hold is released. */
  readonly modelCall?: ModelCall;
  /** Handed in for a batch of its provider in the same commit. */
  readonly modelRequest?: ModelRequestEntry;
  /** Asked in the same commit. */
  readonly approval?: ApprovalRequest;
  /** Stands for all that was said in the session up to this entry, from now on. */
  readonly summary?: string;
}

/** The end of a run. */
export interface JobFinish {
  readonly state: 'complete' | 'failed';
  readonly error: string | null;
  readonly outcome: JobOutcome;
}

/** What a runner writes about a job that it holds, in one commit. */
export interface JournalEntry {
  readonly jobId: string;
  readonly sessionNum: number;
  /** Which start of the job this is, from 1. */
  readonly attempt: number;
  readonly leaseId: number;
  /** 1, 2, 3 … within one claim; an entry that is sent again changes nothing. */
  readonly writeNum: number;
  readonly events: readonly JournalEvent[];
  /** Files of the job whose blobs are stored; a path that is recorded already keeps its first content. */
  readonly artifacts: readonly ArtifactEntry[];
  readonly finish: JobFinish | null;
  readonly sandboxId: string | null;
  /** A step whose message is whole now: the pieces of it that were written after this seq go. */
  readonly compact?: { readonly step: number; readonly afterSeq: number };
}
