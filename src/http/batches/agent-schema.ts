import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { KaziError } from '../../core/errors.ts';
import type { MemoryBlock, ProfileFields } from '../../core/profile.ts';
import { findJsonFault } from '../plain-json.ts';
import { storableText } from '../schema.ts';

const text = storableText;
const isZone = (zone: string): boolean => {
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    // RangeError: there is no such zone.
    return false;
  }
};

/** Body of a new agent, and of changes to one. */
export const agentSchema = z.object(
  {
    model: text.nullish(),
    llm_config: z
      .object({ handle: text.nullish(), model: text.nullish(), model_endpoint_type: text.nullish() })
      .nullish(),
    name: text.regex(/^[\w '-]+$/, { error: "expected letters, digits, '_', ' ', \"'\" and '-'" }).nullish(),
    system: text.nullish(),
    description: text.nullish(),
    tags: z.array(text).nullish(),
    metadata: z
      .record(z.string(), z.unknown())
      .refine((value) => findJsonFault(value) === null, { error: 'expected JSON without NUL, at most 64 levels deep' })
      .nullish(),
    timezone: text.refine(isZone, { error: 'expected an IANA time zone' }).nullish(),
    memory_blocks: z
      .array(
        z.object({
          label: text.min(1),
          value: text,
          description: text.nullish(),
          limit: z.int().min(0).nullish(),
        }),
      )
      .nullish(),
  },
  { error: 'expected an object' },
);

type AgentRequest = z.infer<typeof agentSchema>;

const invalid = (message: string): KaziError =>
  new KaziError('INVALID_REQUEST', { message: `INVALID_ARGUMENT: ${message}` });

/** Undefined when the request names no model. Throws INVALID_REQUEST for what is no handle. */
const handleOf = ({ model, llm_config: config }: AgentRequest): string | undefined => {
  const parts = config?.model_endpoint_type && config.model ? `${config.model_endpoint_type}/${config.model}` : null;
  const handle = model ?? config?.handle ?? parts;
  if (handle === null) return undefined;
  if (!handle.includes('/')) throw invalid('The model handle should be in the format provider/model-name');
  return handle;
};

const toBlocks = (blocks: AgentRequest['memory_blocks']): MemoryBlock[] =>
  (blocks ?? []).map(({ label, value, description, limit }) => ({
    id: `block-${randomUUID()}`,
    label,
    value,
    description: description ?? null,
    limit: limit ?? null,
  }));

/** The fields of a new agent. Throws INVALID_REQUEST when there is no usable handle. */
export const toNewProfile = (request: AgentRequest): ProfileFields => {
  const model = handleOf(request);
  if (model === undefined) throw invalid('Must specify either model or llm_config in request');
  return {
    model,
    name: request.name ?? `agent ${randomUUID().slice(0, 8)}`,
    instructions: request.system ?? null,
    description: request.description ?? null,
    tags: request.tags ?? [],
    metadata: request.metadata ?? null,
    timezone: request.timezone ?? 'UTC',
    blocks: toBlocks(request.memory_blocks),
  };
};

const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;

/** The fields that a request sends. Null is a value only where an agent may be without; elsewhere it says nothing. */
export const toChanges = (request: AgentRequest): Partial<ProfileFields> => {
  const model = handleOf(request);
  return {
    ...(model === undefined ? {} : { model }),
    ...(isAbsent(request.name) ? {} : { name: request.name }),
    ...(request.system === undefined ? {} : { instructions: request.system }),
    ...(request.description === undefined ? {} : { description: request.description }),
    ...(isAbsent(request.tags) ? {} : { tags: request.tags }),
    ...(request.metadata === undefined ? {} : { metadata: request.metadata }),
    ...(isAbsent(request.timezone) ? {} : { timezone: request.timezone }),
    ...(isAbsent(request.memory_blocks) ? {} : { blocks: toBlocks(request.memory_blocks) }),
  };
};
