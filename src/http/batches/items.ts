import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { ActionContext } from '../../actions/context.ts';
import { findBatch } from '../../actions/find-batch.ts';
import { listReadableRuns } from '../../actions/list-runs.ts';
import type { Principal } from '../../core/principal.ts';
import { addFamilyRoute } from './family-route.ts';
import { readRecordId } from './path-ids.ts';
import { type ListRule, readPageRequest } from './query.ts';
import { shapeFault } from './shape.ts';
import { toItemView } from './translate-runs.ts';

const ITEMS: ListRule = { kind: 'Run', prefix: 'run-', fallback: 100, isLenient: false, order: 'asc' };
const PAGE = 1_000;

/** `/v1/messages/batches/{id}/items`, beside the contract: how each item did, in pages or as one file of JSON lines. */
export const addItemRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/messages/batches/:batchId/items',
    record: 'hidden',
    handle: async ({ principal, request, reply, query }) => {
      const batchId = readRecordId(request, 'batch');
      const format = query.get('format') || 'json';
      if (format !== 'json' && format !== 'jsonl') throw shapeFault(["query.format: expected 'json' or 'jsonl'"]);
      const page = readPageRequest(query, ITEMS);
      await findBatch(context, principal, batchId);
      if (format === 'jsonl') {
        reply.header('Content-Type', 'application/jsonl; charset=utf-8');
        reply.header('Content-Disposition', `attachment; filename="job-${batchId}.jsonl"`);
        return reply.send(Readable.from(readLines(context, principal, batchId)));
      }
      const runs = await listReadableRuns(context, principal, { ...page, ...ALL, batchId, limit: page.limit });
      const last = runs.length === page.limit ? runs.at(-1) : undefined;
      return { items: runs.map(toItemView), next_cursor: last ? `run-${last.jobId}` : null };
    },
  });
};

const ALL = { profileIds: null, states: null, stopReason: null } as const;

const readLines = async function* (
  context: ActionContext,
  principal: Principal,
  batchId: string,
): AsyncGenerator<string> {
  for (let after: string | null = null; ; ) {
    const request = { ...ALL, batchId, isNewestFirst: false, limit: PAGE, after, before: null };
    const runs = await listReadableRuns(context, principal, request);
    yield runs.map((run) => `${JSON.stringify(toItemView(run))}\n`).join('');
    const last = runs.at(-1);
    if (!last || runs.length < PAGE) return;
    after = last.jobId;
  }
};
