import type { ModelSettings } from '../../src/core/model-choice.ts';
import type { ModelDelta, ModelRequest } from '../../src/models/model.ts';

/** Settings in which every provider that can be moved is at one address. */
export const settingsAt = (url: string, parts: Partial<ModelSettings> = {}): ModelSettings => ({
  model: null,
  anthropicApiKey: 'anthropic-test-key',
  anthropicBaseUrl: url,
  openaiApiKey: 'openai-test-key',
  openaiBaseUrl: `${url}/v1`,
  googleGenerativeAiApiKey: null,
  openaiCompatibleUrl: `${url}/v1`,
  openaiCompatibleApiKey: 'compatible-test-key',
  ...parts,
});

/** A request with what does not matter filled in, and the deltas that came of it. */
export const requestOf = (
  parts: Partial<ModelRequest> = {},
): { readonly request: ModelRequest; readonly deltas: readonly ModelDelta[] } => {
  const deltas: ModelDelta[] = [];
  const request: ModelRequest = {
    system: 'You are kazi.',
    messages: [{ role: 'user', content: 'hello' }],
    tools: [],
    outputSchema: null,
    maxOutputTokens: 1000,
    signal: new AbortController().signal,
    onDelta: (delta) => deltas.push(delta),
    ...parts,
  };
  return { request, deltas };
};

export const READ_FILE = {
  name: 'read_file',
  description: 'Reads a file.',
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
} as const;
