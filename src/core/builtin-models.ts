const BUILTIN = 'kazi/';

/** Models that are no models: agents that need none, for scripts, probes and load tests. */
export const BUILTIN_MODELS: readonly string[] = [`${BUILTIN}echo`, `${BUILTIN}shell`];

/** The agent that jobs of a profile run with: the default one, unless its model is the name of another. */
export const agentNameOf = (model: string): string =>
  BUILTIN_MODELS.includes(model) ? model.slice(BUILTIN.length) : 'default';
