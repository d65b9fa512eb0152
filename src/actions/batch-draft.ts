import type { BatchInput, BatchRequest } from '../core/batch.ts';
import { newJobId } from '../core/job-id.ts';
import type { ContentBlock } from '../core/journal.ts';
import { PackedTexts } from '../core/packed-texts.ts';
import { toDatabaseJson } from '../storage/json.ts';

/** What an item is handed to: known once all items have been read. */
export interface ItemTarget {
  readonly sessionNum: number;
  readonly sessionId: string;
  readonly agent: string;
  /** True when its agent calls models. */
  readonly isPaid: boolean;
}

/** Characters of items that go to the database in one call. */
const CHUNK_LENGTH = 256 * 1024;

/** Items of a batch as they arrive. Each is kept as the bytes that the database is sent, so a draft is about as large as the request; what has been handed on is forgotten. */
export class BatchDraft {
  readonly #most: number;
  readonly #items = new PackedTexts();
  readonly #profileIds: string[] = [];
  #count = 0;
  #characters = 0;

  /** Items beyond `most` are counted and dropped. */
  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /** Of all inputs. */
  get characters(): number {
    return this.#characters;
  }

  /** By item. */
  get profileIds(): readonly string[] {
    return this.#profileIds;
  }

  add(request: BatchRequest, mostSteps: number): void {
    this.#count += 1;
    if (this.#count > this.#most) return;
    const question = questionOf(request.inputs);
    this.#characters += question.length;
    this.#profileIds.push(request.profileId);
    const [only] = request.inputs;
    const isPlain = request.inputs.length === 1 && only?.role === 'user' && only.content.every(isText);
    const row = {
      id: newJobId(),
      question,
      steps: Math.min(request.maxSteps, mostSteps),
      inputs: request.inputs.map((input) => toInputRow(input, isPlain)),
    };
    // Without its first brace: what is known later goes before it.
    this.#items.add(toDatabaseJson(row).slice(1));
  }

  /** Forgets everything. */
  clear(): void {
    this.#items.clear();
    this.#profileIds.length = 0;
    this.#count = 0;
    this.#characters = 0;
  }

  /** JSON texts of arrays, in order; each is made when it is asked for, and its items are forgotten. */
  *chunks(laneId: number, targetOf: (profileId: string) => ItemTarget): Generator<string> {
    let parts: string[] = [];
    let length = 0;
    let index = 0;
    for (const item of this.#items.take()) {
      const { sessionNum, sessionId, agent, isPaid } = targetOf(this.#profileIds[index] ?? '');
      const known = { session_num: sessionNum, session_id: sessionId, lane_id: laneId, agent, is_paid: isPaid };
      parts.push(`${JSON.stringify(known).slice(0, -1)},${item}`);
      length += item.length;
      index += 1;
      if (length < CHUNK_LENGTH) continue;
      yield `[${parts.join(',')}]`;
      parts = [];
      length = 0;
    }
    if (parts.length > 0) yield `[${parts.join(',')}]`;
  }
}

const isText = ({ type }: ContentBlock): boolean => type === 'text';

/** What people read of it: the text of the user's last message, else all there is. */
const questionOf = (inputs: readonly BatchInput[]): string => {
  const last = inputs.findLast(({ role }) => role === 'user') ?? inputs.at(-1);
  return (last?.content ?? []).flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
};

const toInputRow = (input: BatchInput, isPlain: boolean): Record<string, unknown> => ({
  id: input.id,
  role: input.role,
  // The question is the same text.
  ...(isPlain && input.content.length === 1 ? {} : { content: input.content }),
  ...(input.name === null ? {} : { name: input.name }),
  otid: input.otid,
  ...(input.senderId === null ? {} : { sender_id: input.senderId }),
  ...(input.groupId === null ? {} : { group_id: input.groupId }),
});
