import type { WorkerEvent } from '../../core/worker.ts';
import { assistantMessageId, TurnParts, type TurnPlace } from './turn-parts.ts';
import type { UiMetadata, UiPart } from './ui-part.ts';

/** A message of the AI SDK's user interface. */
export interface UiMessage {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly parts: readonly Readonly<Record<string, unknown>>[];
  readonly metadata: UiMetadata;
}

interface Draft {
  readonly id: string;
  readonly role: UiMessage['role'];
  readonly parts: Record<string, unknown>[];
  metadata: UiMetadata;
}

type Place = Omit<TurnPlace, 'jobId'>;

/**
 * The conversation of a worker, oldest first: for each turn the input, then the answer as a reader of its stream has it in
 * the end. Inputs that wait for their turn come last.
 */
export const toUiMessages = (
  view: {
    readonly events: readonly WorkerEvent[];
    readonly waiting: readonly { readonly id: string; readonly question: string }[];
  },
  place: Place,
): readonly UiMessage[] => {
  const fold = new ConversationFold(place);
  for (const event of view.events) fold.add(event);
  return [...fold.messages, ...view.waiting.map(({ id, question }) => userMessage(id, question))];
};

const userMessage = (jobId: string, text: string): UiMessage => ({
  id: `${assistantMessageId(jobId)}_input`,
  role: 'user',
  parts: [{ type: 'text', text }],
  metadata: { job_id: jobId },
});

class ConversationFold {
  readonly #place: Place;
  readonly #turns = new Map<string, { readonly parts: TurnParts; readonly draft: Draft }>();
  readonly #messages: UiMessage[] = [];

  constructor(place: Place) {
    this.#place = place;
  }

  /** Answers without any part are left out: there is nothing to show of them yet. */
  get messages(): readonly UiMessage[] {
    return this.#messages.filter(({ parts }) => parts.length > 0);
  }

  add(event: WorkerEvent): void {
    const { jobId, type } = event;
    if (jobId === null) return;
    const turn = this.#turnOf(jobId, event);
    if (turn === undefined) return;
    if (type === 'input.steered') this.#addBefore(turn.draft, steeredMessage(event));
    for (const part of turn.parts.add(event)) applyPart(turn.draft, part);
    if (turn.parts.hasEnded) this.#turns.delete(jobId);
  }

  /** A turn shows from its first start on. */
  #turnOf(jobId: string, { type, message }: WorkerEvent) {
    const known = this.#turns.get(jobId);
    if (known || type !== 'job.started') return known;
    const parts = new TurnParts({ ...this.#place, jobId });
    const draft: Draft = { id: assistantMessageId(jobId), role: 'assistant', parts: [], metadata: {} };
    const turn = { parts, draft };
    this.#turns.set(jobId, turn);
    const input = textOf(message?.content);
    this.#messages.push(userMessage(jobId, input), draft);
    return turn;
  }

  /** What a person said to a run while it worked stands before its answer. */
  #addBefore(draft: Draft, message: UiMessage): void {
    this.#messages.splice(this.#messages.indexOf(draft), 0, message);
  }
}

const steeredMessage = ({ jobId, seq, message }: WorkerEvent): UiMessage => ({
  id: `${assistantMessageId(jobId ?? '')}_input_${seq}`,
  role: 'user',
  parts: [{ type: 'text', text: textOf(message?.content) }],
  metadata: { job_id: jobId ?? '' },
});

const textOf = (content: unknown): string =>
  Array.isArray(content)
    ? (content as readonly { readonly text?: unknown }[])
        .flatMap(({ text }) => (typeof text === 'string' ? [text] : []))
        .join('\n\n')
    : '';

/** Adds a part to a message as the reader of the AI SDK does. Pieces of messages do not come here whole, so texts are. */
const applyPart = (draft: Draft, part: UiPart): void => {
  const { parts } = draft;
  const tool = (id: string) => parts.findLast((known) => known['toolCallId'] === id);
  switch (part.type) {
    case 'start':
      draft.metadata = part.messageMetadata;
      return;
    case 'start-step':
      parts.push({ type: 'step-start' });
      return;
    case 'text-start':
    case 'reasoning-start':
      parts.push({ type: part.type === 'text-start' ? 'text' : 'reasoning', text: '', state: 'done' });
      return;
    case 'text-delta':
    case 'reasoning-delta': {
      const last = parts.at(-1);
      if (last) last['text'] = String(last['text']) + part.delta;
      return;
    }
    case 'tool-input-available': {
      const { toolCallId, toolName, input } = part;
      parts.push({ type: 'dynamic-tool', toolName, toolCallId, state: 'input-available', input });
      return;
    }
    case 'tool-output-available':
      Object.assign(tool(part.toolCallId) ?? {}, { state: 'output-available', output: part.output });
      return;
    case 'tool-output-error':
      Object.assign(tool(part.toolCallId) ?? {}, { state: 'output-error', errorText: part.errorText });
      return;
    case 'source-url':
    case 'file':
      parts.push({ ...part });
      return;
    case 'finish':
      draft.metadata = { ...draft.metadata, ...part.messageMetadata };
      return;
    default:
  }
};
