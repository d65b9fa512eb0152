import type { FastifyInstance } from 'fastify';
import type { ActionContext } from '../../actions/context.ts';
import { findRun, listReadableRuns } from '../../actions/list-runs.ts';
import { listRunMessages } from '../../actions/list-said.ts';
import type { JobState } from '../../core/job.ts';
import { addFamilyRoute, type FamilyExchange } from './family-route.ts';
import { readRecordId } from './path-ids.ts';
import { type ListRule, readAgentIds, readPageRequest } from './query.ts';
import { shapeFault } from './shape.ts';
import { toLettaMessages } from './translate-messages.ts';
import { toRunView, toUsageView } from './translate-runs.ts';
import { uuidAfter } from './wire-id.ts';

const RUNS: ListRule = { kind: 'Run', prefix: 'run-', fallback: 100, isLenient: false, order: 'desc' };
const MESSAGES: ListRule = { kind: 'Message', prefix: 'message-', fallback: 100, isLenient: false, order: 'asc' };
const STATES: Readonly<Record<string, JobState>> = {
  created: 'queued',
  running: 'running',
  completed: 'complete',
  failed: 'failed',
  cancelled: 'canceled',
};

/** `/v1/runs`: jobs of agents' sessions, whoever handed them in. */
export const addRunRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addFamilyRoute(server, context, { method: 'GET', url: '/v1/runs', record: 'tenant', handle: listRuns });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/runs/:runId',
    record: 'hidden',
    handle: async ({ principal, request }) =>
      toRunView(await findRun(context, principal, readRecordId(request, 'run'))),
  });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/runs/:runId/messages',
    record: 'hidden',
    handle: async ({ principal, request, query }) => {
      const jobId = readRecordId(request, 'run');
      const page = readPageRequest(query, MESSAGES);
      return toLettaMessages(await listRunMessages(context, principal, { jobId, page }), page.isNewestFirst);
    },
  });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/runs/:runId/usage',
    record: 'hidden',
    handle: async ({ principal, request }) =>
      toUsageView((await findRun(context, principal, readRecordId(request, 'run'))).usage),
  });
};

const listRuns = async ({ context, principal, query }: FamilyExchange): Promise<unknown> => {
  const profileIds = readAgentIds(query, ['agent_id', 'agent_ids']);
  const { states, background } = readFilters(query);
  const batchId = query.get('batch_id') || null;
  const page = readPageRequest(query, RUNS);
  // Every run is in the background.
  if (background === false || states?.length === 0) return [];
  const uuid = batchId && uuidAfter(batchId, 'job-');
  if (batchId !== null && uuid === null) return [];
  const runs = await listReadableRuns(context, principal, {
    ...page,
    profileIds,
    batchId: uuid,
    states,
    stopReason: query.get('stop_reason') || null,
  });
  return runs.map(toRunView);
};

/** All that is given has to hold. */
const readFilters = (
  query: URLSearchParams,
): { readonly states: readonly JobState[] | null; readonly background: boolean | null } => {
  const faults: string[] = [];
  const given = query.getAll('statuses').filter((name) => name !== '');
  for (const name of given)
    if (!Object.hasOwn(STATES, name)) faults.push(`query.statuses: expected some of ${Object.keys(STATES).join(', ')}`);
  const readFlag = (name: string): boolean | null => {
    const text = query.get(name) || null;
    if (text !== null && text !== 'true' && text !== 'false') faults.push(`query.${name}: expected true or false`);
    return text === null ? null : text === 'true';
  };
  const isActive = readFlag('active');
  const background = readFlag('background');
  if (query.get('stop_reason')?.includes('\0')) faults.push('query.stop_reason: expected text without NUL');
  if (faults.length > 0) throw shapeFault(faults);
  const named = given.length === 0 ? null : given.flatMap((name) => STATES[name] ?? []);
  if (isActive !== true) return { states: named, background };
  const active: readonly JobState[] = ['queued', 'running'];
  return { states: named === null ? active : active.filter((state) => named.includes(state)), background };
};
