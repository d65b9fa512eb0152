import type { Agent, RuntimeName } from '../core/agent.ts';
import type { ClaimedJob, JobOutcome } from '../core/job.ts';
import type { JournalEvent, Step } from '../core/journal.ts';

/** An agent loop. It decides what a job does next; the engine keeps the journal, the lease, the limits and the sandbox. */
export interface Runtime {
  readonly name: RuntimeName;
  /**
   * Runs a job to its end, going on after the steps that earlier attempts finished. Resolves also when the agent failed
   * or `signal` was aborted, with what there is so far; rejects only for a fault of kazi itself, which the engine retries
   * when the error says so.
   */
  run(context: RunContext): Promise<RunResult>;
}

/** What the engine hands to a runtime for one attempt of one job. */
export interface RunContext {
  readonly job: ClaimedJob;
  readonly agent: Agent;
  /** What earlier attempts journaled, by ordinal. A finished step must not be run again. */
  readonly journal: ReadonlyMap<number, Step>;
  /** Aborted when the job is canceled, out of time, or no longer this node's. */
  readonly signal: AbortSignal;
  /** Commits events, with the steps and messages that they announce; resolves after the commit. Rejects when the job was lost. */
  write(events: readonly JournalEvent[]): Promise<void>;
  /** Adds output to the log within about 50 ms, gathered with what comes close to it; never waits. */
  emitOutput(output: { readonly step: number; readonly stream: 'stdout' | 'stderr'; readonly text: string }): void;
  /** The sandbox of this attempt over the session's workspace; opened at the first call. */
  openSandbox(): Promise<RuntimeSandbox>;
}

/** The part of a sandbox that an agent may use: files and commands. Lifecycle, limits and network stay with the engine. */
export interface RuntimeSandbox {
  readonly workspacePath: string;
  run(command: {
    readonly script: string;
    readonly timeoutMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly onOutput?: ((chunk: { readonly stream: 'stdout' | 'stderr'; readonly text: string }) => void) | undefined;
  }): Promise<RuntimeCommandResult>;
}

export interface RuntimeCommandResult {
  /** Null when kazi ended the command. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  /** The limit that ended the command, if one did. */
  readonly limit: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface RunResult {
  readonly state: 'complete' | 'failed';
  /** What went wrong, for the job's `error`; null when complete. */
  readonly error: string | null;
  /** Committed together with the end of the job: the last message, the last step. */
  readonly events: readonly JournalEvent[];
  readonly outcome: Omit<JobOutcome, 'durationMs'>;
}
