import { artifactContentType } from '../../core/artifact-download.ts';
import { isEndOfJob } from '../../core/job-end.ts';
import type { ContentBlock } from '../../core/journal.ts';
import type { WorkerEvent } from '../../core/worker.ts';
import { cancelReason } from './end-reason.ts';
import { OpenParts } from './open-parts.ts';
import { sourcesOf } from './page-source.ts';
import type { UiPart } from './ui-part.ts';

/** Which turn is told, and where its files are. */
export interface TurnPlace {
  readonly workerId: string;
  readonly jobId: string;
  readonly fileUrl: (path: string) => string;
}

/**
 * The events of one turn as parts of a UI message stream. Fed from the turn's beginning, or with what came before a cursor first,
 * it knows what a client at that place has.
 */
export class TurnParts {
  readonly #place: TurnPlace;
  readonly #open = new OpenParts();
  #hasStarted = false;
  #hasEnded = false;
  #isStepOpen = false;
  /** The model call is over; only its message may still come before the step ends. */
  #isStepOver = false;
  #step = '';
  #finish = 'stop';
  #cancel = 'Canceled';

  constructor(place: TurnPlace) {
    this.#place = place;
  }

  /** True between the first part and the terminal one. */
  get isOpen(): boolean {
    return this.#hasStarted && !this.#hasEnded;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** What the event adds to the stream; often nothing. */
  add(event: WorkerEvent): readonly UiPart[] {
    if (this.#hasEnded) return [];
    if (event.type === 'job.canceled') this.#cancel = cancelReason(event);
    if (isEndOfJob(event, this.#place.jobId)) return this.#end(event);
    const isAnswer = event.type === 'message.created' && event.message?.role === 'assistant';
    return [...(isAnswer ? [] : this.#closeStep()), ...this.#tell(event)];
  }

  #tell(event: WorkerEvent): readonly UiPart[] {
    const { type, data, message } = event;
    switch (type) {
      case 'job.started':
        return this.#start();
      case 'job.requeued':
      case 'model_call.retried':
        // What was said of a message that is not whole is said again from its beginning.
        this.#open.restart();
        return [];
      case 'message.delta':
        return [...this.#openStep(), ...this.#open.addPiece(data)];
      case 'message.created':
        return message?.role === 'assistant' ? this.#answer(event) : toolResults(message?.content);
      case 'step.finished':
      case 'step.failed':
        if (data['name'] === 'model' && data['tool_call_id'] === undefined) return this.#modelAnswered(data);
        return sourcesOf(data).map(({ id, url, title }) => ({ type: 'source-url', sourceId: id, url, title }));
      case 'artifact.published':
        return this.#file(String(data['path']));
      default:
        return [];
    }
  }

  #start(): readonly UiPart[] {
    if (this.#hasStarted) return [];
    this.#hasStarted = true;
    const { workerId, jobId } = this.#place;
    const messageMetadata = { worker_id: workerId, job_id: jobId };
    return [{ type: 'start', messageId: assistantMessageId(jobId), messageMetadata }];
  }

  #openStep(): readonly UiPart[] {
    if (this.#isStepOpen) return [];
    this.#isStepOpen = true;
    return [{ type: 'start-step' }];
  }

  #closeStep(): readonly UiPart[] {
    if (!this.#isStepOpen || !this.#isStepOver) return [];
    this.#isStepOpen = false;
    this.#isStepOver = false;
    return [...this.#open.close(), { type: 'finish-step' }];
  }

  #modelAnswered(data: WorkerEvent['data']): readonly UiPart[] {
    const parts = this.#openStep();
    this.#isStepOver = true;
    this.#step = String(data['ordinal']);
    if (typeof data['finish'] === 'string') this.#finish = data['finish'];
    return parts;
  }

  #answer({ message, seq }: WorkerEvent): readonly UiPart[] {
    // Agents without a model have no step that could name the parts of their message.
    const name = this.#isStepOver ? this.#step : `at-${seq}`;
    const blocks = (message?.content ?? []) as readonly ContentBlock[];
    return [...blocks.flatMap((block, index) => this.#open.complete(block, { name, index })), ...this.#closeStep()];
  }

  #file(path: string): readonly UiPart[] {
    const mediaType = artifactContentType(path) ?? 'application/octet-stream';
    return [{ type: 'file', url: this.#place.fileUrl(path), mediaType }];
  }

  #end(event: WorkerEvent): readonly UiPart[] {
    this.#hasEnded = true;
    // Input that another run took, or joined: that run answers.
    if (event.type === 'job.completed' && !this.#hasStarted) return [];
    this.#isStepOver = this.#isStepOpen;
    const parts = [...this.#start(), ...this.#closeStep(), ...this.#open.close()];
    const { jobId } = this.#place;
    switch (event.type) {
      case 'job.completed': {
        const finishReason = this.#finish === 'stop' || this.#finish === 'length' ? this.#finish : 'other';
        const messageMetadata = { job_id: jobId, job_status: 'complete' };
        return [...parts, { type: 'finish', finishReason, messageMetadata }];
      }
      case 'job.failed': {
        const { error: found } = event.data;
        const error = typeof found === 'string' ? found : 'The turn failed';
        const messageMetadata = { job_id: jobId, job_status: 'failed', error };
        return [
          ...parts,
          { type: 'error', errorText: error },
          { type: 'finish', finishReason: 'error', messageMetadata },
        ];
      }
      default:
        return [...parts, { type: 'abort', reason: this.#cancel }];
    }
  }
}

/** Id of the message that answers a turn: the same in the stream and in `messages`. */
export const assistantMessageId = (jobId: string): string => `msg_${jobId}`;

const toolResults = (content: unknown): readonly UiPart[] =>
  ((content ?? []) as readonly ContentBlock[]).flatMap((block): UiPart[] => {
    if (block.type !== 'tool_result') return [];
    const toolCallId = block.tool_use_id;
    return block.is_error
      ? [{ type: 'tool-output-error', toolCallId, errorText: textOf(block.content) }]
      : [{ type: 'tool-output-available', toolCallId, output: block.content }];
  });

const textOf = (content: unknown): string => (typeof content === 'string' ? content : JSON.stringify(content));
