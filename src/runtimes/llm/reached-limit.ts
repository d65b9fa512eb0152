import { formatDollars, type JobLimits, type ReachedLimit } from '../../core/budget.ts';

/** Which limit ended a job, in the words of the contracts (jobs API 9.4, workers API 4.1). */
export const describeReached = (reached: ReachedLimit, limits: JobLimits): string => {
  switch (reached.scope) {
    case 'session':
      return `Session estimated cost budget exceeded (${formatDollars(reached.limit)} USD)`;
    case 'api_key':
      return `API key spend limit reached (${formatDollars(reached.limit)} USD)`;
    case 'tenant':
      return 'Tenant spend limit reached';
    case 'job':
      return `Budget exceeded (${limits.level}: ${describeJobLimit(reached)})`;
  }
};

const describeJobLimit = ({ measure, limit }: ReachedLimit): string => {
  if (measure === 'time') return limit % 60_000 === 0 ? `${limit / 60_000} min` : `${limit / 1_000} s`;
  if (measure === 'model_calls') return `${limit} model calls`;
  const dollars = limit / 1_000_000;
  return `${Number.isInteger(dollars * 100) ? dollars.toFixed(2) : formatDollars(limit)} USD`;
};
