/** How the runs of an agent call their model: each by itself, or through the batches of its provider. */
export type ModelCalls = 'direct' | 'batch';

/** The providers that take calls in batches, at a part of the price. */
export const BATCH_PROVIDERS: readonly string[] = ['openai', 'anthropic'];

/** Why the calls of a model `provider/model` cannot go through batches, in the words of the agents API; null when they can. */
export const findBatchFault = (model: string): string | null => {
  const provider = model.slice(0, Math.max(0, model.indexOf('/')));
  if (BATCH_PROVIDERS.includes(provider)) return null;
  return `model_calls: found "batch" with the model ${JSON.stringify(model)}, expected "direct", or a model of a provider that takes batches (${BATCH_PROVIDERS.join(', ')})`;
};

/** Whose batch a request can go in. */
export interface BatchAccount {
  readonly provider: string;
  /** Endpoint and credential, as a digest. */
  readonly account: string;
}

/** A call as its provider gets it. */
export interface PreparedCall extends BatchAccount {
  /** What the requests of one batch have to have in common. */
  readonly variant: string;
  /** JSON. */
  readonly body: string;
}

/** A call of a model that a run hands in for a batch. */
export interface ModelRequestEntry extends PreparedCall {
  /** A UUID, the same at every attempt of the job. */
  readonly id: string;
  readonly ordinal: number;
  readonly name: 'model' | 'compact';
  /** From 1. */
  readonly try: number;
  readonly model: string;
  /** What is held for it. */
  readonly heldMicros: number;
}

/** An answer as its provider gave it: a status of HTTP and JSON, an error perhaps. */
export interface ProviderAnswer {
  readonly status: number;
  readonly body: string;
}

/** A request of a run, as it stands by now. */
export interface ModelRequestState {
  readonly id: string;
  readonly name: 'model' | 'compact';
  readonly try: number;
  /** `waiting`: for its batch, in this node's or the provider's hands. `expired`: it never got an answer. */
  readonly state: 'waiting' | 'answered' | 'expired';
  /** Null unless answered. */
  readonly answer: ProviderAnswer | null;
  readonly createdAt: Date;
}
