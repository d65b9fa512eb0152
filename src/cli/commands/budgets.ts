import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { outputOf } from '../terminal.ts';
import type { WireBudget } from '../wire.ts';

export interface BudgetsOptions extends ClientOptions {
  readonly json?: boolean;
}

export interface BudgetsListOptions extends BudgetsOptions {
  readonly kind?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

export interface BudgetSetOptions extends BudgetsOptions {
  readonly maxCost?: string;
  readonly maxRequests?: string;
}

/** What may be spent and was; one page, with the cursor of the next one on stderr. */
export const listBudgets = async (options: BudgetsListOptions): Promise<number> => {
  const { kind, limit, cursor } = options;
  const page = await new ApiClient(await connect(options)).listBudgets({ kind, limit, cursor });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, page);
    return EXIT_CODES.ok;
  }
  writeTable(output, { titles: TITLES, rows: page.budgets.map(toRow) });
  if (page.next_cursor) outputOf(process.stderr).write(`more: --cursor ${page.next_cursor}\n`);
  return EXIT_CODES.ok;
};

/** Sets limits, and shows how the budget stands then. */
export const setBudget = async (kind: string, id: string | undefined, options: BudgetSetOptions): Promise<number> => {
  const { maxCost, maxRequests } = options;
  if (maxCost === undefined && maxRequests === undefined) {
    throw new CommandFailure('usage', 'found no limit to set, expected --max-cost, --max-requests or both');
  }
  const limits = {
    max_cost_usd: parseLimit('--max-cost', maxCost),
    max_requests: parseLimit('--max-requests', maxRequests),
  };
  const answer = await new ApiClient(await connect(options)).setBudget({ kind, id }, limits);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else writeTable(output, { titles: TITLES, rows: [toRow(answer.budget)] });
  return EXIT_CODES.ok;
};

const TITLES = ['KIND', 'ID', 'MAX COST (USD)', 'SPENT', 'HELD', 'MAX REQUESTS', 'REQUESTS'] as const;

const toRow = (budget: WireBudget): readonly string[] => [
  budget.kind,
  budget.id ?? '-',
  toLimit(budget.max_cost_usd, budget.default_max_cost_usd),
  toAmount(budget.spent_usd),
  toAmount(budget.held_usd),
  toLimit(budget.max_requests, budget.default_max_requests),
  toAmount(budget.requests),
];

const toLimit = (own: WireBudget['max_cost_usd'], inForce: WireBudget['max_cost_usd']): string => {
  if (own !== null && own !== undefined) return String(own);
  return inForce === null || inForce === undefined ? '-' : `${inForce} (default)`;
};

const toAmount = (amount: number | null | undefined): string => (typeof amount === 'number' ? String(amount) : '-');

/** Undefined leaves a limit as it is, null gives it back to the default. What a number may be is for the server to say. */
const parseLimit = (flag: string, text: string | undefined): number | 'unlimited' | null | undefined => {
  if (text === undefined || text === 'unlimited') return text;
  if (text === 'default') return null;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new CommandFailure('usage', `found ${flag} "${text}", expected a number, "unlimited" or "default"`);
};
