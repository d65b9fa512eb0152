import { BUDGET_LEVELS, type BudgetLevel } from '../../core/budget.ts';
import { invalid, parseObject, readText } from './body.ts';

/** What a client says to a worker. */
export interface TurnRequest {
  readonly input: string;
  readonly budget: BudgetLevel;
  readonly stream: boolean;
}

const MOST_CHARACTERS = 100_000;
const LEVELS = Object.keys(BUDGET_LEVELS);

/** The body of create and continue (section 4); unknown keys are ignored. Throws INVALID_JSON, INVALID_REQUEST. */
export const parseTurn = (bytes: Buffer | undefined): TurnRequest => {
  const body = parseObject(bytes);
  const input = readInput(body['input']);
  const budget = readBudget(body['budget']);
  const { stream = false } = body;
  if (typeof stream !== 'boolean') throw invalid('stream must be a boolean');
  return { input, budget, stream };
};

/** Throws INVALID_REQUEST. */
export const readInput = (input: unknown): string => {
  if (typeof input !== 'string' || input === '') throw invalid('input must be a non-empty string');
  if (input.length > MOST_CHARACTERS) throw invalid(`input must be at most ${MOST_CHARACTERS} characters`);
  return readText('input', input);
};

/** Throws INVALID_REQUEST. */
export const readBudget = (budget: unknown = 'standard'): BudgetLevel => {
  if (typeof budget !== 'string' || !LEVELS.includes(budget)) {
    throw invalid(`budget must be one of ${LEVELS.join(', ')}`);
  }
  return budget as BudgetLevel;
};
