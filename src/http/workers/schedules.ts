import type { FastifyInstance } from 'fastify';
import { findWorker } from '../../actions/find-worker.ts';
import { listWorkerSchedules, scheduleWorker, stopWorkerSchedule } from '../../actions/schedule-worker.ts';
import { KaziError } from '../../core/errors.ts';
import type { Schedule } from '../../core/schedule/schedule.ts';
import { parseWorkerScheduleId, toWorkerScheduleId } from '../../core/worker-schedule-id.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { decodeOnce } from '../path-parameter.ts';
import { isNewerClient } from './client-generation.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { parseWorkerSchedule } from './schedule-schema.ts';
import { addWorkerRoute, type WorkerExchange, workerIdOf } from './worker-route.ts';

/** `/api/workers/{id}/schedules`: turns at later times (section 9). */
export const addScheduleRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  addWorkerRoute(server, options, {
    method: 'POST',
    path: '/:workerId/schedules',
    rateLimited: true,
    handle: async (exchange) => await create(exchange, options),
  });
  addWorkerRoute(server, options, {
    method: 'GET',
    path: '/:workerId/schedules',
    handle: async (exchange) => {
      const { context, principal, request } = exchange;
      const workerId = workerIdOf(exchange);
      const isNewer = isNewerClient(request);
      const schedules = await listWorkerSchedules(context, principal, workerId);
      const listed = schedules.map((schedule) => toWorkerSchedule(schedule, isNewer));
      return { schedules: listed, workerId, ...(isNewer ? { timezone: 'UTC' } : {}) };
    },
  });
  addWorkerRoute(server, options, {
    method: 'DELETE',
    path: '/:workerId/schedules/:scheduleId',
    handle: async (exchange) => {
      const { scheduleId } = exchange.request.params as { readonly scheduleId: string };
      const toScheduleId = (): string => parseWorkerScheduleId(decodeOnce(scheduleId));
      const reference = { workerId: workerIdOf(exchange), toScheduleId };
      return { cancelled: await stopWorkerSchedule(exchange.context, exchange.principal, reference) };
    },
  });
};

const create = async (exchange: WorkerExchange, { draining }: WorkerRoutesOptions): Promise<string> => {
  const { context, principal, request, reply, body, countRequest } = exchange;
  const workerId = workerIdOf(exchange);
  await findWorker(context, principal, workerId);
  const wanted = parseWorkerSchedule(body);
  if (draining.aborted) throw new KaziError('SHUTTING_DOWN');
  const isNewer = isNewerClient(request);
  const { toResponse: _, ...identity } = readRequestIdentity(request, principal, () => '');
  const toResponse = (schedule: Schedule): string => JSON.stringify(toWorkerSchedule(schedule, isNewer));
  const created = await scheduleWorker(context, principal, {
    ...wanted,
    workerId,
    request: { ...identity, toResponse },
    countRequest,
  });
  if (created.isReplay) reply.header('Idempotency-Replayed', 'true');
  reply.header('Content-Type', 'application/json; charset=utf-8');
  return created.response;
};

/** WorkerSchedule. */
const toWorkerSchedule = (schedule: Schedule, isNewer: boolean): Readonly<Record<string, unknown>> => {
  const { kind, cron, timezone, periodSeconds } = schedule;
  const common = {
    id: toWorkerScheduleId(schedule.id),
    budget: schedule.budget ?? 'standard',
    input: schedule.question,
    nextRunAt: (schedule.nextDueAt ?? schedule.runAt ?? schedule.createdAt).toISOString(),
  };
  switch (kind) {
    case 'one_off':
      return { ...common, type: 'scheduled' };
    case 'delay':
      return { ...common, type: 'delayed', delayInSeconds: periodSeconds };
    case 'interval':
      return { ...common, type: 'interval', intervalSeconds: periodSeconds };
    case 'cron':
      return { ...common, type: 'cron', cron, ...(isNewer ? { timezone } : {}) };
  }
};
