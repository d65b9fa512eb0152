import type { FastifyInstance } from 'fastify';
import { changeSchedule } from '../../actions/change-schedule.ts';
import type { ActionContext } from '../../actions/context.ts';
import { createSchedule } from '../../actions/create-schedule.ts';
import { deleteSchedule } from '../../actions/delete-schedule.ts';
import { dispatchSchedules } from '../../actions/dispatch-schedules.ts';
import { findSchedule } from '../../actions/find-schedule.ts';
import { listReadableSchedules } from '../../actions/list-schedules.ts';
import type { SessionReference } from '../../actions/resolve-session.ts';
import { KaziError } from '../../core/errors.ts';
import { SCHEDULE_KINDS, type ScheduleKind } from '../../core/schedule/schedule.ts';
import { parseSessionId } from '../../core/session-id.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { readText } from '../query-values.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { readNamedSession } from './job-reference.ts';
import { readScheduleId } from './schedule-reference.ts';
import { toNewSchedule, toScheduleChange } from './schedule-request.ts';
import { type ScheduleCreateRequest, scheduleCreateSchema, scheduleUpdateSchema } from './schedule-schema.ts';
import { toScheduleView } from './schedule-view.ts';
import { SESSION_KEY_UNITS } from './schema.ts';

const READ = { who: 'read', readsQueryToken: false, record: 'schedule' } as const;
const CHANGE = { ...READ, who: 'submit' } as const;
const LIST = { who: 'read', readsQueryToken: false, record: 'tenant' } as const;
const INVALID_BODY = 'Invalid schedule request body';

/** `/schedules`: the schedules of the contract. */
export const addScheduleRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'POST',
    url: '/schedules',
    access: { who: 'submit', readsQueryToken: false, record: 'session' },
    readBody: (bytes) => parseBody(scheduleCreateSchema, bytes, INVALID_BODY),
    hintsOf: null,
    handle: create,
  });
  addRoute(server, context, { method: 'GET', url: '/schedules', access: LIST, ...NO_BODY, handle: list });
  addRoute(server, context, {
    method: 'POST',
    url: '/schedules/dispatch',
    access: { who: 'admin', readsQueryToken: false, record: 'tenant' },
    ...NO_BODY,
    handle: async ({ principal }) => await dispatchSchedules(context, principal),
  });
  addRoute(server, context, {
    method: 'GET',
    url: '/schedules/:scheduleId',
    access: READ,
    ...NO_BODY,
    handle: async (exchange) =>
      toScheduleView(context, await findSchedule(context.db, exchange.principal, await readScheduleId(exchange))),
  });
  addRoute(server, context, {
    method: 'PATCH',
    url: '/schedules/:scheduleId',
    access: CHANGE,
    readBody: (bytes) => parseBody(scheduleUpdateSchema, bytes, INVALID_BODY),
    hintsOf: null,
    handle: async (exchange) => {
      const id = await readScheduleId(exchange);
      return toScheduleView(
        context,
        await changeSchedule(context, exchange.principal, { id, change: toScheduleChange(exchange.body) }),
      );
    },
  });
  addRoute(server, context, {
    method: 'DELETE',
    url: '/schedules/:scheduleId',
    access: CHANGE,
    ...NO_BODY,
    handle: async (exchange) => {
      const id = await readScheduleId(exchange);
      await deleteSchedule(context, exchange.principal, id);
      return { ok: true, schedule_id: id, deleted: true };
    },
  });
};

const create = async ({
  context,
  principal,
  request,
  reply,
  query,
  body,
}: Exchange<ScheduleCreateRequest>): Promise<string> => {
  const created = await createSchedule(context, principal, {
    ...toNewSchedule(body),
    session: readSession(query),
    request: {
      ...readRequestIdentity(request, principal, String),
      toResponse: (schedule) => JSON.stringify(toScheduleView(context, schedule)),
    },
  });
  if (created.isReplay) reply.header('Idempotency-Replayed', 'true');
  reply.header('Content-Type', 'application/json; charset=utf-8');
  return created.response;
};

/** The session of its jobs. Throws INVALID_SESSION_ID, and INVALID_REQUEST for a key that cannot be kept. */
const readSession = (query: URLSearchParams): SessionReference => {
  const sessionId = query.get('session_id')?.trim() ?? null;
  const sessionKey = readText(query, 'session_key');
  if (sessionKey !== null && (sessionKey.length > SESSION_KEY_UNITS || !sessionKey.isWellFormed())) {
    const message = `Invalid value for session_key: found ${sessionKey.length} characters, expected 1 to ${SESSION_KEY_UNITS}.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  return { sessionId: sessionId === null ? null : parseSessionId(sessionId), sessionKey };
};

/** Newest first, and all of them. */
const list = async (exchange: Exchange<unknown>): Promise<unknown> => {
  const { context, principal, query } = exchange;
  const sessionId = await readNamedSession(exchange);
  const schedules = await listReadableSchedules(context, principal, {
    sessionId,
    enabled: readFlag(query.get('enabled')),
    kind: readKind(query.get('schedule_type')),
  });
  return { ok: true, schedules: schedules.map((schedule) => toScheduleView(context, schedule)) };
};

const readFlag = (text: string | null): boolean | null => {
  if (text === null || text === '') return null;
  if (/^(?:true|1)$/i.test(text)) return true;
  if (/^(?:false|0)$/i.test(text)) return false;
  throw new KaziError('INVALID_FILTER', { name: 'enabled' });
};

const readKind = (text: string | null): ScheduleKind | null => {
  if (text === null || text === '') return null;
  const kind = SCHEDULE_KINDS.find((known) => known === text);
  if (kind === undefined) throw new KaziError('INVALID_FILTER', { name: 'schedule_type' });
  return kind;
};
