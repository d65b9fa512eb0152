import type { FastifyInstance } from 'fastify';
import { cancelJob } from '../../actions/cancel-job.ts';
import type { ActionContext } from '../../actions/context.ts';
import { listReadableJobs } from '../../actions/list-jobs.ts';
import { readJob } from '../../actions/read-job.ts';
import { defineCursor } from '../../core/cursor.ts';
import { KaziError } from '../../core/errors.ts';
import { JOB_STATES, type JobState } from '../../core/job.ts';
import { hasEnded } from '../../core/job-end.ts';
import { readCount, readText } from '../query-values.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { readJobReference, readNamedSession } from './job-reference.ts';
import { toJobStatus } from './translate.ts';

const JOB = { who: 'read', readsQueryToken: false, record: 'job' } as const;
const LIST = { who: 'read', readsQueryToken: false, record: 'tenant' } as const;
const LIMIT = { name: 'limit', fallback: 20, min: 1, max: 100 } as const;
const CURSOR = defineCursor('jobs', { num: 'integer' });

/** `/jobs` and `/jobs/{id}`: the records of jobs. */
export const addJobRecordRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, { method: 'GET', url: '/jobs', access: LIST, ...NO_BODY, handle: listJobs });
  addRoute(server, context, {
    method: 'GET',
    url: '/jobs/:jobId',
    access: JOB,
    ...NO_BODY,
    handle: async (exchange) =>
      toJobStatus(await readJob(context, exchange.principal, await readJobReference(exchange))),
  });
  addRoute(server, context, {
    method: 'DELETE',
    url: '/jobs/:jobId',
    access: { ...JOB, who: 'submit' },
    ...NO_BODY,
    handle: async (exchange) =>
      toJobStatus(await cancelJob(context, exchange.principal, await readJobReference(exchange))),
  });
  server.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/jobs/',
    config: { access: { who: 'public' } },
    handler: () => {
      throw new KaziError('INVALID_JOB_PATH');
    },
  });
};

/** Newest first. A listed job has its result, but neither what was said nor its artifacts: those are read job by job. */
const listJobs = async (exchange: Exchange<unknown>): Promise<unknown> => {
  const { context, principal, query } = exchange;
  const sessionId = await readNamedSession(exchange);
  const cursor = query.get('cursor');
  const limit = readCount(query, LIMIT);
  const jobs = await listReadableJobs(context, principal, {
    sessionId,
    states: readStates(query.get('status')),
    agent: readText(query, 'agent_type'),
    beforeNum: cursor === null ? null : CURSOR.decode(cursor).num,
    limit: limit + 1,
  });
  const page = jobs.slice(0, limit);
  const last = jobs.length > limit ? page.at(-1) : undefined;
  return {
    ok: true,
    jobs: page.map((job) => toJobStatus({ job, messages: hasEnded(job) ? [] : null, artifacts: null })),
    next_cursor: last ? CURSOR.encode({ num: last.num }) : null,
  };
};

const readStates = (text: string | null): readonly JobState[] | null => {
  if (text === null || text === '') return null;
  return text.split(',').map((name) => {
    const state = JOB_STATES.find((known) => known === name.trim());
    if (state === undefined) {
      const message = `Invalid value for status: found "${name.slice(0, 80)}", expected one or more of ${JOB_STATES.join(', ')}, joined with commas.`;
      throw new KaziError('INVALID_REQUEST', { message });
    }
    return state;
  });
};
