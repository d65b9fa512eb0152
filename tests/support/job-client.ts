import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { type NewJob, createJob } from '../../src/actions/create-job.ts';
import { startNode } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { isKaziError } from '../../src/core/errors.ts';
import { DEFAULT_TENANT_ID, type Principal } from '../../src/core/principal.ts';

/** What a test hands over. `label` is its Idempotency-Key too, so that an unanswered submission can be sent again. */
export interface SubmittedJob {
  readonly label: string;
  readonly agent: 'shell' | 'echo';
  readonly question: string;
  readonly sessionId: string;
}

/** A client of a server that may go away at any time. */
export interface JobClient {
  /** Resolves with the job's id once it is accepted; rejects when that is not known. */
  submit(job: SubmittedJob): Promise<string>;
  /** The same, but repeated until there is an answer. */
  submitUntilAccepted(job: SubmittedJob): Promise<string>;
  close(): Promise<void>;
}

const RETRY_MS = 50;

const PRINCIPAL: Principal = {
  kind: 'api_key',
  tenantId: DEFAULT_TENANT_ID,
  userId: 'admin',
  sessionIds: null,
  scopes: ['user', 'admin'],
  isAnonymous: false,
  hasTenantClaim: true,
  credentialId: 'fault tests',
};

/** Connects to the database of a server as an API node of this very process. */
export const connectClient = async (options: {
  readonly databaseUrl: string;
  readonly dataDir: string;
}): Promise<JobClient> => {
  const env = { DATABASE_URL: options.databaseUrl, KAZI_DATA_DIR: options.dataDir, KAZI_ROLE: 'api' };
  const config = loadConfig({ env, flags: {}, file: null, workingFolder: options.dataDir });
  const node = await startNode({ config, log: pino({ level: 'silent' }) });
  const submit = async (job: SubmittedJob): Promise<string> =>
    (await createJob(node.context, PRINCIPAL, toNewJob(job))).response;
  return {
    submit,
    submitUntilAccepted: async (job) => {
      for (;;) {
        try {
          return await submit(job);
        } catch (error) {
          if (!isKaziError(error, 'DATABASE_UNAVAILABLE')) throw error;
          await delay(RETRY_MS);
        }
      }
    },
    close: async () => await node.stop(),
  };
};

const toNewJob = (job: SubmittedJob): NewJob => ({
  question: job.question,
  agent: job.agent,
  session: { sessionId: job.sessionId, sessionKey: null },
  scheduleAt: null,
  metadata: { label: job.label },
  priority: 0,
  request: {
    idempotencyScope: createHash('sha256').update(job.label).digest(),
    hash: createHash('sha256').update(job.question).digest(),
    isRetry: false,
    toResponse: (jobId) => jobId,
  },
});
