import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AcceptedTurn } from '../../actions/accept-turn.ts';
import { continueWorker } from '../../actions/continue-worker.ts';
import { createWorker, type NewTurn } from '../../actions/create-worker.ts';
import { findWorker } from '../../actions/find-worker.ts';
import { viewWorker } from '../../actions/read-worker.ts';
import { KaziError } from '../../core/errors.ts';
import { checkSessionScope } from '../../core/principal.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { wantsEventStream } from './client-generation.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { streamTurn } from './stream.ts';
import { parseTurn, type TurnRequest } from './turn-schema.ts';
import { addWorkerRoute, type WorkerExchange, workerIdOf } from './worker-route.ts';
import { baseUrlOf } from './worker-url.ts';
import { toWorker } from './worker-view.ts';

/** `POST /api/workers` and `POST /api/workers/{id}`: turns of a new worker, and of one that is there. They never wait for the agent. */
export const addTurnRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  addWorkerRoute(server, options, {
    method: 'POST',
    path: '',
    rateLimited: true,
    handle: async (exchange) => {
      const { context, principal, body } = exchange;
      checkSessionScope(principal, null);
      const request = parseTurn(body);
      if (options.draining.aborted) throw new KaziError('SHUTTING_DOWN');
      const turn = await createWorker(context, principal, toNewTurn(exchange, request));
      return await answer(exchange, options, { turn, request });
    },
  });
  addWorkerRoute(server, options, {
    method: 'POST',
    path: '/:workerId',
    rateLimited: true,
    handle: async (exchange) => {
      const { context, principal, body } = exchange;
      const workerId = workerIdOf(exchange);
      await findWorker(context, principal, workerId);
      const request = parseTurn(body);
      if (options.draining.aborted) throw new KaziError('SHUTTING_DOWN');
      const turn = await continueWorker(context, principal, { ...toNewTurn(exchange, request), workerId });
      return await answer(exchange, options, { turn, request });
    },
  });
};

const toNewTurn = (exchange: WorkerExchange, { input, budget }: TurnRequest): NewTurn => {
  const { request, principal, countRequest } = exchange;
  const { toResponse: _, ...identity } = readRequestIdentity(request, principal, (jobId) => jobId);
  return { input, budget, request: identity, countRequest };
};

const answer = async (
  exchange: WorkerExchange,
  options: WorkerRoutesOptions,
  { turn, request }: { readonly turn: AcceptedTurn; readonly request: TurnRequest },
): Promise<string | FastifyReply> => {
  const { context, principal, reply } = exchange;
  reply.header('X-Worker-Id', turn.workerId).header('X-Job-Id', turn.jobId);
  if (turn.isReplay) reply.header('Idempotency-Replayed', 'true');
  if (wantsEventStream(exchange.request, request.stream)) return await streamTurn(exchange, options, turn);
  reply.header('Content-Type', 'application/json; charset=utf-8');
  if (turn.keptAnswer !== null) return turn.keptAnswer;
  const found = await findWorker(context, principal, turn.workerId);
  const base = baseUrlOf(exchange.request, options.publicUrl);
  const body = JSON.stringify(toWorker(await viewWorker(context, found), base));
  await turn.keepAnswer(body);
  return body;
};
