import {
  type JSONSchema7,
  jsonSchema,
  type ModelMessage,
  Output,
  type SystemModelMessage,
  type ToolSet,
  tool,
} from 'ai';
import type { JsonSchema } from '../core/json-schema.ts';
import type { ModelProvider } from '../core/model-choice.ts';
import type { ModelTool, PromptRequest } from './model.ts';

type ProviderOptions = NonNullable<SystemModelMessage['providerOptions']>;

/** What a request says to the provider, in the words of the AI SDK. */
export interface Prompt {
  readonly instructions: SystemModelMessage;
  readonly messages: ModelMessage[];
  readonly tools?: ToolSet;
  readonly output?: Output.Output;
  readonly providerOptions: ProviderOptions;
}

/** How many of the last messages end a cached prefix: the newest, and one that the call before has written. */
const CACHED_MESSAGES = 2;
const CACHE_MARK: ProviderOptions = { anthropic: { cacheControl: { type: 'ephemeral' } } };

/** Nothing is kept at OpenAI: reasoning comes back encrypted and is sent again, as all other messages are. */
const OPENAI_OPTIONS: ProviderOptions = { openai: { store: false, strictJsonSchema: false } };

/** Translates a request; its messages are not changed. */
export const makePrompt = (request: PromptRequest, provider: ModelProvider): Prompt => {
  const { system, messages, tools, outputSchema } = request;
  const isCached = provider === 'anthropic';
  return {
    instructions: { role: 'system', content: system, ...(isCached ? { providerOptions: CACHE_MARK } : {}) },
    messages: isCached ? markCachedPrefixes(messages) : [...messages],
    // A provider must not see an empty list.
    ...(tools.length === 0 ? {} : { tools: toToolSet(tools) }),
    ...(outputSchema !== null && takesAnySchema(provider, outputSchema) ? { output: toOutput(outputSchema) } : {}),
    providerOptions: provider === 'openai' ? OPENAI_OPTIONS : {},
  };
};

/** Anthropic caches what stands before a mark: in a long loop every call reads what the last one wrote. */
const markCachedPrefixes = (messages: readonly ModelMessage[]): ModelMessage[] => {
  const first = messages.findLastIndex((_, index) => countTurns(messages, index) === CACHED_MESSAGES);
  return messages.map((message, index) =>
    message.role === 'assistant' || index < first
      ? message
      : { ...message, providerOptions: { ...message.providerOptions, ...CACHE_MARK } },
  );
};

/** Messages towards the model from an index on: those that a call ends with. */
const countTurns = (messages: readonly ModelMessage[], from: number): number =>
  messages.slice(from).filter(({ role }) => role !== 'assistant').length;

/**
 * Only OpenAI takes any schema of an object when it is not strict. Anthropic and Google refuse parts of JSON Schema, and
 * servers that are merely compatible may answer in JSON where they should have called a tool.
 */
const takesAnySchema = (provider: ModelProvider, schema: JsonSchema): boolean =>
  provider === 'openai' && schema['type'] === 'object';

const toOutput = (schema: JsonSchema): Output.Output => Output.object({ schema: toSchema(schema), name: 'answer' });

const toToolSet = (tools: readonly ModelTool[]): ToolSet =>
  Object.fromEntries(tools.map((modelTool) => [modelTool.name, sharedTool(modelTool)]));

type SdkTool = ToolSet[string];

/**
 * By the schema of ours: an open call holds what it was made with, so calls share what does not differ. A memory of a pure
 * function, not a state: nobody can tell whether it is there.
 */
const sharedTools = new WeakMap<JsonSchema, { readonly description: string; readonly made: SdkTool }>();

const sharedTool = ({ description, inputSchema }: ModelTool): SdkTool => {
  const known = sharedTools.get(inputSchema);
  if (known?.description === description) return known.made;
  // Without `execute`: the loop runs and journals the calls.
  const made: SdkTool = tool({ description, inputSchema: toSchema(inputSchema) });
  sharedTools.set(inputSchema, { description, made });
  return made;
};

/** Without `validate`: an input that does not fit is the tool's to refuse, in words for the model. */
const toSchema = (schema: JsonSchema): ReturnType<typeof jsonSchema<unknown>> => jsonSchema(schema as JSONSchema7);
