import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BatchDraft } from '../../actions/batch-draft.ts';
import type { BatchRules } from '../../actions/context.ts';
import { isKaziError, type KaziError } from '../../core/errors.ts';
import { JsonItems } from '../../core/json-items.ts';
import { parseJson, readChunks } from './body.ts';
import { readItem } from './item-schema.ts';
import { describeShapeFaults, shapeFault } from './shape.ts';

const MOST_URL = 2_083;
/** Beyond what an answer shows, faults are only counted. */
const KEPT_FAULTS = 100;

const isCallback = (text: string): boolean =>
  URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol) && /^https?:\/\//i.test(text);

/** The body without its items, which JsonItems has taken out. */
const envelope = z.object(
  {
    requests: z.array(z.unknown(), { error: 'expected an array' }),
    callback_url: z
      .string({ error: 'expected a string' })
      .min(1, { error: 'expected 1 to 2083 characters' })
      .max(MOST_URL, { error: 'expected 1 to 2083 characters' })
      .refine(isCallback, { error: 'expected an http or https URL' })
      .nullish(),
  },
  { error: 'expected an object' },
);

/** The request of a batch, once all of it has arrived. */
export interface BatchBody {
  readonly draft: BatchDraft;
  /** Normalised. */
  readonly callbackUrl: string | null;
  readonly itemFault: KaziError | null;
}

/**
 * Reads the request of a batch while it arrives: an item is parsed, checked and kept as bytes as soon as it is there.
 * `onChunk` sees every byte. Throws BODY_TOO_LARGE, INVALID_JSON, INVALID_SHAPE, in this order whatever comes first.
 */
export const readBatchBody = async (
  request: FastifyRequest,
  rules: BatchRules,
  onChunk: (chunk: Buffer) => void,
): Promise<BatchBody> => {
  const items = new ItemCollector(rules);
  const splitter = new JsonItems('requests', { onItem: (text) => items.add(text), onRestart: () => items.clear() });
  for await (const chunk of readChunks(request)) {
    onChunk(chunk);
    splitter.write(chunk);
  }
  const whole = parseJson(splitter.end());
  if (items.jsonFault) throw items.jsonFault;
  const parsed = envelope.safeParse(whole, { reportInput: true });
  const faults = [...(parsed.success ? [] : describeShapeFaults(parsed.error, 'body')), ...items.faults];
  if (!parsed.success || faults.length > 0) throw shapeFault(faults);
  const url = parsed.data.callback_url ?? null;
  return { draft: items.draft, callbackUrl: url === null ? null : new URL(url).href, itemFault: items.refusal };
};

class ItemCollector {
  readonly draft: BatchDraft;
  readonly faults: string[] = [];
  refusal: KaziError | null = null;
  jsonFault: KaziError | null = null;
  readonly #rules: BatchRules;
  #index = 0;

  constructor(rules: BatchRules) {
    this.#rules = rules;
    this.draft = new BatchDraft(rules.mostItems);
  }

  add(text: Buffer): void {
    const index = this.#index;
    this.#index += 1;
    if (this.jsonFault !== null) return;
    try {
      const { request, faults, refusal } = readItem(parseJson(text), index);
      if (this.faults.length < KEPT_FAULTS) this.faults.push(...faults);
      this.refusal ??= refusal;
      if (request) this.draft.add(request, this.#rules.mostSteps);
    } catch (error) {
      if (!isKaziError(error)) throw error;
      // Too large beats broken: the rest is read to its end.
      this.jsonFault = error;
    }
  }

  clear(): void {
    this.draft.clear();
    this.faults.length = 0;
    this.refusal = null;
    this.#index = 0;
  }
}
