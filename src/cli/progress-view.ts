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

/** One output chunk of an event; null for other events. */
export const outputOfEvent = ({ type, data }: JobEvent): { readonly step: number; readonly text: string } | null => {
  const { text, step } = data;
  if (type !== 'output.written' || typeof text !== 'string') return null;
  return { text, step: typeof step === 'number' ? step : 0 };
};

/** The text of an answer, from its text blocks; null for other events. */
export const answerOfEvent = ({ type, message }: JobEvent): string | null => {
  if (type !== 'message.created' || message?.role !== 'assistant' || !Array.isArray(message.content)) return null;
  return message.content.map(textOfBlock).join('');
};

const textOfBlock = (block: unknown): string => {
  const isText = typeof block === 'object' && block !== null && 'type' in block && block.type === 'text';
  return isText && 'text' in block && typeof block.text === 'string' ? block.text : '';
};
