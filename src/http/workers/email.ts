import type { FastifyInstance } from 'fastify';
import { findWorker } from '../../actions/find-worker.ts';
import { readMailSenders, setMailSenders } from '../../actions/set-mail-senders.ts';
import { workerMailAddress } from '../../core/worker-mail.ts';
import { invalid, parseObject } from './body.ts';
import { isNewerClient } from './client-generation.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { addWorkerRoute, workerIdOf } from './worker-route.ts';

/** `/api/workers/{id}/email`: its mail address (section 7), and, beyond the contract, who may write there. */
export const addEmailRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  addWorkerRoute(server, options, {
    method: 'GET',
    path: '/:workerId/email',
    handle: async (exchange) => {
      const { worker } = await findWorker(exchange.context, exchange.principal, workerIdOf(exchange));
      const address = workerMailAddress(worker, options.mailDomain);
      if (isNewerClient(exchange.request)) return { email: address };
      exchange.reply.header('Content-Type', 'text/plain; charset=utf-8');
      return address;
    },
  });
  addWorkerRoute(server, options, {
    method: 'GET',
    path: '/:workerId/email/senders',
    handle: async (exchange) => {
      const { senders, areInherited } = await readMailSenders(
        exchange.context,
        exchange.principal,
        workerIdOf(exchange),
      );
      return { senders, inherited: areInherited };
    },
  });
  addWorkerRoute(server, options, {
    method: 'PUT',
    path: '/:workerId/email/senders',
    handle: async (exchange) => {
      const { context, principal, body } = exchange;
      const workerId = workerIdOf(exchange);
      await findWorker(context, principal, workerId);
      const change = { workerId, senders: readSenders(body) };
      const { senders, areInherited } = await setMailSenders(context, principal, change);
      return { senders, inherited: areInherited };
    },
  });
};

const readSenders = (bytes: Buffer | undefined): readonly string[] | null => {
  const { senders } = parseObject(bytes);
  if (senders === null) return null;
  if (Array.isArray(senders) && senders.every((sender) => typeof sender === 'string')) return senders;
  throw invalid('senders must be a list of mail addresses, or null for those of the owner');
};
