import { describeBytes, describeDuration } from './describe.ts';
import { answerOfEvent, deltaOfEvent, outputOfEvent } from './event-text.ts';
import { describeEnd, describeEvent } from './plain-view.ts';
import { isModelAnswer, type ProgressView } from './progress-view.ts';
import { clip, harmless, type Output } from './terminal.ts';
import type { JobEvent, WireJob } from './wire.ts';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Fast enough to look alive, slow enough to cost nothing over a slow connection. */
const FRAME_MS = 120;
const SHOWN_LINES = 6;
const SHOWN_STEPS = 8;

interface StepLine {
  readonly ordinal: number;
  readonly name: string;
  state: 'running' | 'finished' | 'failed';
  readonly startedAtMs: number;
  durationMs: number | null;
}

/** Progress on a terminal: one block that is redrawn in place, with the steps and the newest lines of output. */
export class LiveView implements ProgressView {
  readonly #output: Output;
  readonly #steps = new Map<number, StepLine>();
  readonly #artifacts: string[] = [];
  readonly #startedAtMs = performance.now();
  #title = 'kazi';
  #phase = 'waiting in the queue';
  #note = '';
  #text = '';
  /** What a model is saying at the moment. */
  #said = '';
  #hasModel = false;
  #drawnLines = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(output: Output) {
    this.#output = output;
  }

  readonly submitted = ({ jobId }: { readonly jobId: string }): void => {
    this.#title = `job ${jobId}`;
    this.#output.write('\u001b[?25l');
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#draw();
  };

  readonly event = (event: JobEvent): void => {
    this.#note = '';
    const delta = deltaOfEvent(event);
    if (delta !== null) this.#said = (this.#said + harmless(delta)).slice(-20_000);
    this.#hasModel ||= isModelAnswer(event);
    const written = outputOfEvent(event)?.text ?? this.#answer(event);
    // Only the end can be shown, so only the end is kept.
    if (written !== null) this.#text = (this.#text + harmless(written)).slice(-20_000);
    else this.#apply(event);
  };

  /** What a model said in the end, or what a job said that had no output. */
  #answer(event: JobEvent): string | null {
    const answer = answerOfEvent(event);
    if (answer === null) return null;
    this.#said = '';
    if (this.#hasModel) return answer === '' ? null : `${answer}\n`;
    return this.#text === '' ? answer : null;
  }

  readonly note = (text: string): void => {
    this.#note = text;
  };

  readonly ended = (job: WireJob, savedIn: string | null): void => {
    this.#erase();
    const { style } = this.#output;
    const text = harmless(job.result?.summary?.text ?? this.#text).trimEnd();
    const color = job.status === 'complete' ? 'green' : job.status === 'failed' ? 'red' : 'yellow';
    const lines = [
      ...this.#stepLines(this.#steps.size),
      ...(text === '' ? [] : [text]),
      `${style(color, mark(job.status))} ${style('bold', describeEnd(job))}`,
      ...this.#artifacts.map((artifact) => `  ${artifact}`),
      ...(savedIn === null ? [] : [style('dim', `  saved in ${savedIn}`)]),
    ];
    this.#output.write(`${lines.join('\n')}\n`);
    this.close();
  };

  readonly close = (): void => {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#drawnLines = 0;
    this.#output.write('\u001b[?25h');
  };

  #apply({ type, data }: JobEvent): void {
    const ordinal = Number(data['ordinal'] ?? 0);
    if (type === 'job.started') this.#phase = 'running';
    if (type === 'job.requeued') this.#phase = 'back in the queue: its node was lost or stopped';
    if (type === 'job.requeued' && typeof data['reason'] === 'string') this.#phase = harmless(data['reason']);
    if (type === 'model_call.retried') {
      this.#said = '';
      this.#note = harmless(String(data['message']));
    }
    if (type === 'approval.requested') this.#text += `\n${describeEvent({ type, data, seq: 0 }) ?? ''}\n`;
    if (type === 'warning.raised') this.#text += `\nwarning: ${harmless(String(data['message']))}\n`;
    if (type === 'job.canceled') this.#phase = 'canceling';
    if (type === 'step.started') {
      const name = typeof data['name'] === 'string' ? ` ${harmless(data['name'])}` : '';
      this.#steps.set(ordinal, { ordinal, name, state: 'running', startedAtMs: performance.now(), durationMs: null });
    }
    const step = this.#steps.get(ordinal);
    if (step !== undefined && (type === 'step.finished' || type === 'step.failed')) {
      step.state = type === 'step.finished' ? 'finished' : 'failed';
      step.durationMs = typeof data['duration_ms'] === 'number' ? data['duration_ms'] : null;
    }
    if (type === 'artifact.published') {
      this.#artifacts.push(`${harmless(String(data['path']))}, ${describeBytes(Number(data['size_bytes'] ?? 0))}`);
    }
  }

  #draw(): void {
    const { style, columns } = this.#output;
    this.#frame += 1;
    const elapsed = describeDuration(performance.now() - this.#startedAtMs);
    const spinner = FRAMES[this.#frame % FRAMES.length] ?? '';
    const newest = (this.#text + this.#said)
      .trimEnd()
      .split('\n')
      .slice(-SHOWN_LINES)
      .filter((line) => line !== '');
    const lines = [
      `${style('cyan', spinner)} ${style('bold', clip(this.#title, columns - 2))}`,
      `  ${clip(`${this.#note || this.#phase}, ${elapsed}`, columns - 2)}`,
      ...this.#stepLines(SHOWN_STEPS),
      ...newest.map((line) => style('dim', clip(`  │ ${line}`, columns))),
    ];
    this.#erase();
    this.#output.write(`${lines.join('\n')}\n`);
    this.#drawnLines = lines.length;
  }

  #stepLines(most: number): string[] {
    const { style } = this.#output;
    return [...this.#steps.values()].slice(-most || undefined).map((step) => {
      const color = step.state === 'failed' ? 'red' : step.state === 'finished' ? 'green' : 'cyan';
      const ms = step.durationMs ?? performance.now() - step.startedAtMs;
      return `  ${style(color, mark(step.state))} step ${step.ordinal}${step.name} ${style('dim', describeDuration(ms))}`;
    });
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#output.write(`\u001b[${this.#drawnLines}A\u001b[J`);
    this.#drawnLines = 0;
  }
}

const mark = (state: string): string => {
  if (state === 'complete' || state === 'finished') return '✓';
  return state === 'failed' ? '✗' : '•';
};
