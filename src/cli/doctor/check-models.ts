import { BUILTIN_AGENTS } from '../../core/builtin-agents.ts';
import { chooseModel, type ModelSettings } from '../../core/model-choice.ts';
import { type Finding, ok, warn } from './check.ts';

/** Which model the built-in agents would use, from the settings alone: the provider is not asked. */
export const checkModel = (settings: ModelSettings): Finding => {
  const choice = chooseModel(settings);
  if (choice.kind === 'usable') return ok('model', `${choice.model} (${choice.reason}; the provider was not asked)`);
  const found = choice.kind === 'none' ? choice.reason : `${choice.model} cannot be used: ${choice.reason}`;
  return warn('model', `${found}; ${affectedAgents()} cannot run`, choice.remedy);
};

const affectedAgents = (): string => {
  const names = BUILTIN_AGENTS.filter(({ runtime }) => runtime === 'llm').map(({ name }) => `"${name}"`);
  return `agents ${new Intl.ListFormat('en').format(names)}`;
};
