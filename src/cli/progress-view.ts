import type { JobEvent, WireJob } from './wire.ts';

/** Shows a job to whoever called `kazi run`, while it runs. */
export interface ProgressView {
  /** Once, first. */
  readonly submitted: (job: { readonly jobId: string; readonly url: string }) => void;
  readonly event: (event: JobEvent) => void;
  /** Something about the connection or the command itself. */
  readonly note: (text: string) => void;
  /** Once, last. The view is closed then. */
  readonly ended: (job: WireJob, savedIn: string | null) => void;
  /** Leaves the terminal as it was found, however the command ends. Safe twice. */
  readonly close: () => void;
}

/** For `--json`: the answer alone is printed, by the command. */
export const silentView: ProgressView = Object.freeze({
  submitted: () => undefined,
  event: () => undefined,
  note: () => undefined,
  ended: () => undefined,
  close: () => undefined,
});

/** True for the end of a model call: what the job says is then the model's, not a copy of its output. */
export const isModelAnswer = ({ type, data }: JobEvent): boolean =>
  type === 'step.finished' && data['name'] === 'model';
