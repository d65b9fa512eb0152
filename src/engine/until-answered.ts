import { backoffMs } from '../core/backoff.ts';
import { isDatabaseUnavailable } from '../storage/database.ts';
import { waitFor } from './wait.ts';

/**
 * Asks the database again and again while it is away: a run outlives its restart. `giveUp` is looked at after each
 * failure; what it returns is thrown.
 */
export const untilAnswered = async <Answer>(
  ask: () => Promise<Answer>,
  giveUp: (error: unknown) => Error | undefined,
): Promise<Answer> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
      const reason = giveUp(error);
      if (reason) throw reason;
      await waitFor(50 + backoffMs({ attempt, firstMs: 100, longestMs: 1_000, random: Math.random }));
    }
  }
};
