import { setTimeout as delay } from 'node:timers/promises';

/** What a test hands over. `label` is its Idempotency-Key too, so that an unanswered submission can be sent again. */
export interface SubmittedJob {
  readonly label: string;
  readonly agent: 'shell' | 'echo';
  readonly question: string;
  readonly sessionId: string;
}

/** Key of the servers under test. */
export const TEST_API_KEY = `kz_${'fault-test'.repeat(4)}`;

const RETRY_MS = 50;
/** A server that has not answered for so long is gone for good: a test that has failed meanwhile is to come to its end. */
const GIVE_UP_MS = 60_000;

/** A client, over HTTP, of a server that may go away at any time. */
export class JobClient {
  readonly #urlOf: () => string;

  /** Asks for the server's URL before each request: after a restart it is another one. */
  constructor(urlOf: () => string) {
    this.#urlOf = urlOf;
  }

  /** Resolves with the job's id once the server has answered that it is accepted; rejects when that is not known. */
  async submit(job: SubmittedJob): Promise<string> {
    const response = await this.#send('/submit', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': job.label },
      body: JSON.stringify({
        question: job.question,
        agent_type: job.agent,
        session_id: job.sessionId,
        metadata: { label: job.label },
      }),
    });
    const answer = (await response.json()) as { readonly job_id: string };
    return answer.job_id;
  }

  /** The same, but sent again until there is an answer. */
  async submitUntilAccepted(job: SubmittedJob): Promise<string> {
    return await untilAnswered(async () => await this.submit(job));
  }

  /** Resolves when the job has ended, with its status. */
  async ended(jobId: string): Promise<string> {
    for (;;) {
      const job = await untilAnswered(async () => await this.#readJob(jobId));
      if (['complete', 'failed', 'canceled'].includes(job.status)) return job.status;
      await delay(RETRY_MS * 2);
    }
  }

  /** Resolves when the server says that it is ready for work. */
  async becameReady(): Promise<void> {
    await untilAnswered(async () => await this.#send('/readyz', {}));
  }

  async #readJob(jobId: string): Promise<{ readonly status: string }> {
    const response = await this.#send(`/jobs/${jobId}`, {});
    return (await response.json()) as { readonly status: string };
  }

  async #send(path: string, request: RequestInit): Promise<Response> {
    const headers = { ...(request.headers as Record<string, string>), authorization: `Bearer ${TEST_API_KEY}` };
    const response = await fetch(`${this.#urlOf()}${path}`, { ...request, headers });
    if (response.ok) return response;
    const text = `${path} was answered with ${response.status} ${await response.text()}`;
    // What the server could not do just now is worth another try; what it refused is not.
    throw response.status >= 500 || response.status === 409 ? new Error(text) : new Refusal(text);
  }
}

/** An answer that would be the same the next time. */
class Refusal extends Error {}

const untilAnswered = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
  const givesUpAt = performance.now() + GIVE_UP_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Refusal || performance.now() > givesUpAt) throw error;
      await delay(RETRY_MS);
    }
  }
};
