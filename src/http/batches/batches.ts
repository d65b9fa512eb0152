import type { FastifyInstance } from 'fastify';
import { cancelBatch } from '../../actions/cancel-batch.ts';
import { createBatch } from '../../actions/create-batch.ts';
import { findBatch } from '../../actions/find-batch.ts';
import { listReadableBatches } from '../../actions/list-batches.ts';
import { listBatchMessages } from '../../actions/list-said.ts';
import { KaziError } from '../../core/errors.ts';
import { startRequestIdentity } from '../idempotency.ts';
import { readBatchBody } from './batch-body.ts';
import { addFamilyRoute, type FamilyExchange } from './family-route.ts';
import type { BatchesRoutesOptions } from './options.ts';
import { readRecordId } from './path-ids.ts';
import { type ListRule, readAgentIds, readPageRequest } from './query.ts';
import { toBatchJob } from './translate.ts';
import { toInternalMessage } from './translate-messages.ts';

const BATCHES: ListRule = { kind: 'Job', prefix: 'job-', fallback: 100, isLenient: true, order: 'desc' };
const MESSAGES: ListRule = { kind: 'Message', prefix: 'message-', fallback: 100, isLenient: true, order: 'desc' };

/** `/v1/messages/batches`. */
export const addBatchRoutes = (server: FastifyInstance, { context, draining }: BatchesRoutesOptions): void => {
  addFamilyRoute(server, context, {
    method: 'POST',
    url: '/v1/messages/batches',
    record: 'hidden',
    rateLimited: true,
    handle: async (exchange) => {
      if (draining.aborted) throw new KaziError('SHUTTING_DOWN');
      return await create(exchange);
    },
  });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/messages/batches',
    record: 'tenant',
    handle: async ({ principal, query }) => {
      const batches = await listReadableBatches(context, principal, readPageRequest(query, BATCHES));
      return batches.map(toBatchJob);
    },
  });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/messages/batches/:batchId',
    record: 'hidden',
    handle: async ({ principal, request }) =>
      toBatchJob(await findBatch(context, principal, readRecordId(request, 'batch'))),
  });
  addFamilyRoute(server, context, {
    method: 'PATCH',
    url: '/v1/messages/batches/:batchId/cancel',
    record: 'hidden',
    handle: async ({ principal, request }) => {
      await cancelBatch(context, principal, readRecordId(request, 'batch'));
      return 'null';
    },
  });
  addFamilyRoute(server, context, {
    method: 'GET',
    url: '/v1/messages/batches/:batchId/messages',
    record: 'hidden',
    handle: listMessages,
  });
};

const create = async ({ context, principal, request, reply, countRequest }: FamilyExchange): Promise<unknown> => {
  const identity = startRequestIdentity(request, principal);
  const { draft, callbackUrl, itemFault } = await readBatchBody(request, context.batches, identity.update);
  const { batch, isReplay } = await createBatch(context, principal, {
    draft,
    callbackUrl,
    itemFault,
    ...identity.end(),
    countRequest,
  });
  if (isReplay) reply.header('Idempotency-Replayed', 'true');
  return toBatchJob(batch);
};

const listMessages = async ({ context, principal, request, query }: FamilyExchange): Promise<unknown> => {
  const batchId = readRecordId(request, 'batch');
  const [profileId = null] = readAgentIds(query, ['agent_id']) ?? [];
  const page = readPageRequest(query, MESSAGES);
  const messages = await listBatchMessages(context, principal, { batchId, profileId, page });
  return { messages: messages.map((message) => toInternalMessage(message, principal.userId)) };
};
