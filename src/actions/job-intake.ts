import type { Logger } from 'pino';
import { Batcher } from '../core/batcher.ts';
import { isKaziError } from '../core/errors.ts';
import { nameHint } from '../core/name-hint.ts';
import { type Database, isDatabaseUnavailable } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { type AcceptedJob, acceptJobs, type JobSubmission } from '../storage/submissions.ts';

/** Jobs that share one transaction, and transactions at once. Why 50: docs/decisions/0003. */
const MAX_JOBS = 50;
const MAX_IN_FLIGHT = 2;

/** The door of this node: concurrent submissions go in together, and whoever may run them is told after the commit. */
export class JobIntake {
  readonly #batcher: Batcher<JobSubmission, AcceptedJob>;
  readonly #notifications: Notifications;
  readonly #open = new Map<string, Promise<unknown>>();

  constructor(options: { readonly db: Database; readonly notifications: Notifications; readonly log: Logger }) {
    this.#notifications = options.notifications;
    this.#batcher = new Batcher({
      run: async (submissions) => {
        const answers = await acceptJobs(options.db, submissions);
        submissions.forEach((submission, place) => announce(options.notifications, submission, answers[place]));
        return answers;
      },
      maxItems: MAX_JOBS,
      maxInFlight: MAX_IN_FLIGHT,
      // A flood of one tenant does not keep another's job outside.
      group: (submission) => submission.tenantId,
      exclusiveKey: (submission) => submission.idempotency?.scope.toString('hex'),
      canSplit: (error) => {
        if (isDatabaseUnavailable(error)) return false;
        if (!isKaziError(error))
          options.log.error({ err: error }, 'a batch of jobs was not accepted; its members are tried one by one');
        return true;
      },
    });
  }

  /** Resolves after the commit: from then on the job survives anything. */
  async submit(submission: JobSubmission): Promise<AcceptedJob> {
    return await this.#track(submission, this.#batcher.add(submission));
  }

  /** As submit, for a job that is not accepted by itself: `accept` commits what belongs to it, or answers undefined. */
  async submitAlone(
    submission: JobSubmission,
    accept: () => Promise<AcceptedJob | undefined>,
  ): Promise<AcceptedJob | undefined> {
    const answer = await this.#track(submission, accept());
    announce(this.#notifications, submission, answer);
    return answer;
  }

  async #track<Answer>({ requestHash }: JobSubmission, answer: Promise<Answer>): Promise<Answer> {
    if (requestHash === null) return await answer;
    this.#open.set(requestHash, answer);
    try {
      return await answer;
    } finally {
      if (this.#open.get(requestHash) === answer) this.#open.delete(requestHash);
    }
  }

  /** Waits until this node has no request with that hash under way; whether it was accepted is for the caller to read. */
  async settled(requestHash: string): Promise<void> {
    await this.#open.get(requestHash)?.catch(() => undefined /* its own caller sees the failure */);
  }
}

const announce = (
  notifications: Notifications,
  { scheduleAt, tenantId, sessionId, sessionNum }: JobSubmission,
  answer: AcceptedJob | undefined,
): void => {
  if (answer?.outcome !== 'accepted') return;
  if (answer.readyLane !== null) notifications.publish('lanes', answer.readyLane);
  // Lane 0: nothing to claim yet, but a dispatcher's next look at the clock may have to be earlier.
  else if (scheduleAt !== null) notifications.publish('lanes', 0);
  if (sessionNum === null) notifications.publish('sessions', nameHint(tenantId, sessionId));
  if (answer.sessionNum !== null) notifications.publish('events', answer.sessionNum);
};
