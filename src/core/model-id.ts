/** What `provider/model` says. The name may hold further slashes, as those of Ollama and Hugging Face do. */
export interface ModelId {
  readonly provider: string;
  readonly name: string;
}

/** The parts of a model's id; null when the text is not `provider/model`. */
export const parseModelId = (text: string): ModelId | null => {
  const parts = /^([^\s/]+)\/(\S+)$/.exec(text);
  const [, provider, name] = parts ?? [];
  return provider === undefined || name === undefined ? null : { provider, name };
};
