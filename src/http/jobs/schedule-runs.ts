import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { backfillSchedule } from '../../actions/backfill-schedule.ts';
import { changeSchedule } from '../../actions/change-schedule.ts';
import { previewSchedule, readScheduleRuns } from '../../actions/read-schedule.ts';
import { runSchedule } from '../../actions/run-schedule.ts';
import { defineCursor } from '../../core/cursor.ts';
import { KaziError } from '../../core/errors.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { readCount } from '../query-values.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { MAX_SECONDS, toSeconds } from '../seconds.ts';
import type { JobRoutesOptions } from './options.ts';
import { readScheduleId } from './schedule-reference.ts';
import { toRunView, toScheduleView } from './schedule-view.ts';

const READ = { who: 'read', readsQueryToken: false, record: 'schedule' } as const;
const CHANGE = { ...READ, who: 'submit' } as const;
const LIMIT = { name: 'limit', fallback: 20, min: 1, max: 100 } as const;
const COUNT = { name: 'count', fallback: 10, min: 1, max: 100 } as const;
const CURSOR = defineCursor('schedule-runs', { dueMs: 'integer', id: 'text' });

const idSchema = z.uuid();
const time = z.int().min(0).max(MAX_SECONDS);
const backfillSchema = z.strictObject({ start_at: time, end_at: time });

/** `/schedules/{id}/…`, beside the contract: what became of its due times, which come next, and how to step in. */
export const addScheduleRunRoutes = (server: FastifyInstance, { context, draining }: JobRoutesOptions): void => {
  const read = { method: 'GET', access: READ, ...NO_BODY } as const;
  const change = { method: 'POST', access: CHANGE, ...NO_BODY } as const;
  addRoute(server, context, { url: '/schedules/:scheduleId/runs', ...read, handle: listRuns });
  addRoute(server, context, { url: '/schedules/:scheduleId/preview', ...read, handle: preview });
  for (const [verb, enabled] of [
    ['pause', false],
    ['resume', true],
  ] as const) {
    addRoute(server, context, {
      url: `/schedules/:scheduleId/${verb}`,
      ...change,
      handle: async (exchange) => {
        const id = await readScheduleId(exchange);
        return toScheduleView(context, await changeSchedule(context, exchange.principal, { id, change: { enabled } }));
      },
    });
  }
  addRoute(server, context, {
    url: '/schedules/:scheduleId/run',
    ...change,
    handle: async (exchange) => {
      if (draining.aborted) throw new KaziError('SHUTTING_DOWN');
      return await runNow(exchange);
    },
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/schedules/:scheduleId/backfill',
    access: CHANGE,
    readBody: (bytes) => parseBody(backfillSchema, bytes, 'Invalid backfill request body'),
    hintsOf: null,
    handle: async (exchange) => {
      const id = await readScheduleId(exchange);
      const { start_at, end_at } = exchange.body;
      const range = { id, from: new Date(start_at * 1_000), to: new Date(end_at * 1_000) };
      return { ok: true, schedule_id: id, ...(await backfillSchedule(context, exchange.principal, range)) };
    },
  });
};

/** Newest due time first. */
const listRuns = async (exchange: Exchange<unknown>): Promise<unknown> => {
  const { context, principal, query } = exchange;
  const id = await readScheduleId(exchange);
  const cursor = query.get('cursor');
  const limit = readCount(query, LIMIT);
  const before = cursor === null ? null : readCursor(cursor);
  const runs = await readScheduleRuns(context, principal, { id, before, limit: limit + 1 });
  const page = runs.slice(0, limit);
  const last = runs.length > limit ? page.at(-1) : undefined;
  return {
    ok: true,
    schedule_id: id,
    runs: page.map(toRunView),
    next_cursor: last ? CURSOR.encode({ dueMs: last.dueAt.getTime(), id: last.id }) : null,
  };
};

const preview = async (exchange: Exchange<unknown>): Promise<unknown> => {
  const { context, principal, query } = exchange;
  const id = await readScheduleId(exchange);
  const dues = await previewSchedule(context, principal, { id, count: readCount(query, COUNT) });
  return { ok: true, schedule_id: id, times: dues.map((due) => toSeconds(due)) };
};

const runNow = async (exchange: Exchange<unknown>): Promise<unknown> => {
  const { context, principal, request, reply } = exchange;
  const id = await readScheduleId(exchange);
  const { jobId, isReplay } = await runSchedule(context, principal, {
    id,
    request: readRequestIdentity(request, principal, String),
  });
  if (isReplay) reply.header('Idempotency-Replayed', 'true');
  return { ok: true, schedule_id: id, job_id: jobId };
};

const readCursor = (text: string): { readonly dueAt: Date; readonly id: string } => {
  const { dueMs, id } = CURSOR.decode(text);
  if (!idSchema.safeParse(id).success || Math.abs(dueMs) > MAX_SECONDS * 1_000) {
    throw new KaziError('INVALID_CURSOR', { found: text.slice(0, 80) });
  }
  return { dueAt: new Date(dueMs), id };
};
