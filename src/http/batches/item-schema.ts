import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { BatchInput, BatchRequest } from '../../core/batch.ts';
import { KaziError } from '../../core/errors.ts';
import type { ContentBlock } from '../../core/journal.ts';
import { isProfileId } from '../../core/profile-id.ts';
import { describeShapeFaults } from './shape.ts';

const DEFAULT_STEPS = 50;
/** Steps beyond every limit are as good as this many. */
const MOST_STEPS = 1_000_000;
const ROLES = ['user', 'system', 'assistant'] as const;

/** Null says as little as a field that is left out. */
const orNull = <T>(value: T | null | undefined): T | null => value ?? null;
const source = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('url'), url: z.url({ protocol: /^https?$/, error: 'expected an http or https URL' }) }),
    z.object({
      type: z.literal('base64'),
      media_type: z.string({ error: 'expected a media type' }),
      data: z.base64({ error: 'expected base64' }),
    }),
  ],
  { error: "expected a source of type 'url' or 'base64'" },
);
const part = z.object(
  {
    type: z.string({ error: 'expected a string' }),
    text: z.string({ error: 'expected a string' }).nullish().transform(orNull),
    source: z.unknown().optional(),
  },
  { error: 'expected an object' },
);
const content = z.union([z.string(), z.array(part)], { error: 'expected a string or an array of content parts' });
const text = z.string({ error: 'expected a string' }).nullish().transform(orNull);
const message = z.object(
  {
    type: text,
    role: text,
    content: content.nullish().transform(orNull),
    name: text,
    otid: text,
    sender_id: text,
    group_id: text,
  },
  { error: 'expected an object' },
);
const item = z.object(
  {
    agent_id: z
      .string({ error: 'expected a string' })
      .refine(isProfileId, { error: "expected an id such as 'agent-123e4567-e89b-42d3-8456-426614174000'" }),
    input: content.nullish().transform(orNull),
    messages: z.array(message, { error: 'expected an array' }).nullish().transform(orNull),
    max_steps: z.int({ error: 'expected an integer' }).min(1, { error: 'expected at least 1' }).nullish(),
  },
  { error: 'expected an object' },
);

type Content = z.infer<typeof content>;
type Message = z.infer<typeof message>;

/** What became of one item: a request, or what is wrong with it. `faults` are of its shape, `refusal` of what it says. */
export interface ReadItem {
  readonly request: BatchRequest | null;
  readonly faults: readonly string[];
  readonly refusal: KaziError | null;
}

/** Reads the item with that number. */
export const readItem = (value: unknown, index: number): ReadItem => {
  const where = `body.requests.${index}`;
  const parsed = item.safeParse(value, { reportInput: true });
  if (!parsed.success) return { request: null, faults: describeShapeFaults(parsed.error, where), refusal: null };
  const { agent_id: profileId, input, messages, max_steps: steps } = parsed.data;
  const reader = new ItemReader(where);
  if (input !== null && messages !== null) reader.fault('', "Cannot specify both 'input' and 'messages'.");
  else if (input !== null) reader.add({ role: 'user', content: input }, '.input');
  else if (messages === null) reader.fault('', "Must specify either 'input' or 'messages'.");
  else {
    if (messages.length === 0) reader.refuse(new KaziError('EMPTY_MESSAGE'));
    messages.forEach((given, place) => reader.add(given, `.messages.${place}`));
  }
  return reader.end(profileId, Math.min(steps ?? DEFAULT_STEPS, MOST_STEPS));
};

class ItemReader {
  readonly #where: string;
  readonly #inputs: BatchInput[] = [];
  readonly #faults: string[] = [];
  #refusal: KaziError | null = null;

  constructor(where: string) {
    this.#where = where;
  }

  fault(place: string, what: string): void {
    this.#faults.push(`${this.#where}${place}: ${what}`);
  }

  /** The first one counts. */
  refuse(error: KaziError): void {
    this.#refusal ??= error;
  }

  add(given: Partial<Message>, place: string): void {
    if ((given.type ?? 'message') !== 'message') {
      this.refuse(new KaziError('INVALID_REQUEST', { message: 'Only messages can be sent in a batch' }));
      return;
    }
    const role = ROLES.find((known) => known === given.role);
    if (role === undefined)
      this.fault(
        `${place}.role`,
        (given.role ?? null) === null ? 'field required' : `expected one of ${ROLES.join(', ')}`,
      );
    if (!given.content && given.content !== '') this.fault(`${place}.content`, 'field required');
    if (role === undefined || (!given.content && given.content !== '')) return;
    const blocks = this.#readContent(given.content, `${place}.content`);
    if (blocks.every((block) => block.type === 'text' && block.text === ''))
      this.refuse(new KaziError('EMPTY_MESSAGE'));
    this.#inputs.push({
      id: randomUUID(),
      role,
      content: blocks,
      name: given.name ?? null,
      otid: given.otid ?? randomUUID(),
      senderId: given.sender_id ?? null,
      groupId: given.group_id ?? null,
    });
  }

  #readContent(given: Content, place: string): ContentBlock[] {
    if (typeof given === 'string') return [{ type: 'text', text: given }];
    return given.flatMap((entry, index): ContentBlock[] => {
      if (entry.type === 'text') {
        if (entry.text === null) this.fault(`${place}.${index}.text`, 'field required');
        return [{ type: 'text', text: entry.text ?? '' }];
      }
      if (entry.type === 'image') return this.#readImage(entry.source, `${place}.${index}.source`);
      this.refuse(
        new KaziError('INVALID_REQUEST', { message: `Unsupported content part: ${entry.type.slice(0, 80)}` }),
      );
      return [];
    });
  }

  #readImage(value: unknown, place: string): ContentBlock[] {
    const parsed = source.safeParse(value, { reportInput: true });
    if (parsed.success) return [{ type: 'image', source: parsed.data }];
    this.#faults.push(...describeShapeFaults(parsed.error, `${this.#where}${place}`));
    return [];
  }

  end(profileId: string, maxSteps: number): ReadItem {
    const isWhole = this.#faults.length === 0 && this.#refusal === null;
    return {
      request: isWhole ? { profileId, inputs: this.#inputs, maxSteps } : null,
      faults: this.#faults,
      refusal: this.#refusal,
    };
  }
}
