import type { Logger } from 'pino';
import { Batcher } from '../core/batcher.ts';
import type { JournalEntry } from '../core/journal.ts';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import { type JournalAnswer, wakeJob, writeJournal } from '../storage/held-jobs.ts';
import type { Notifications } from '../storage/notifications.ts';

/** Entries that share one transaction, and transactions at once. Why 50: docs/decisions/0003. */
const MAX_ENTRIES = 50;
const MAX_IN_FLIGHT = 2;

/** The one way in which runners write: entries of all jobs of the node, gathered into few transactions. */
export class Journal {
  readonly #batcher: Batcher<JournalEntry, JournalAnswer>;

  constructor(options: { readonly db: Queryable; readonly notifications: Notifications; readonly log: Logger }) {
    this.#batcher = new Batcher({
      run: async (entries) => {
        const answers = await writeJournal(options.db, entries);
        announce(options.notifications, entries, answers);
        void wakeWaiting(options, answers);
        return answers;
      },
      maxItems: MAX_ENTRIES,
      maxInFlight: MAX_IN_FLIGHT,
      // Two transactions about one job would race for its write numbers.
      exclusiveKey: (entry) => entry.jobId,
      canSplit: (error) => {
        if (isDatabaseUnavailable(error)) return false;
        options.log.error({ err: error }, 'a journal batch failed; its entries are written one by one');
        return true;
      },
    });
  }

  /** Writes an entry. Rejects with DATABASE_UNAVAILABLE: the same entry may then be sent again, with the same number. */
  async write(entry: JournalEntry): Promise<JournalAnswer> {
    return await this.#batcher.add(entry);
  }
}

const announce = (
  notifications: Notifications,
  entries: readonly JournalEntry[],
  answers: readonly JournalAnswer[],
): void => {
  answers.forEach((answer, place) => {
    const entry = entries[place];
    if (entry && answer.outcome === 'written') notifications.publish('events', entry.sessionNum);
  });
  for (const lane of answers[0]?.readyLanes ?? []) notifications.publish('lanes', lane);
};

/** Wakes the jobs that waited for the end of one of these. One that is missed looks for itself later. */
const wakeWaiting = async (
  options: { readonly db: Queryable; readonly notifications: Notifications; readonly log: Logger },
  answers: readonly JournalAnswer[],
): Promise<void> => {
  for (const jobId of answers[0]?.waiting ?? []) {
    try {
      for (const lane of await wakeJob(options.db, jobId)) options.notifications.publish('lanes', lane);
    } catch (error) {
      options.log.warn({ err: error, job: jobId }, 'a waiting job could not be woken yet');
    }
  }
};
