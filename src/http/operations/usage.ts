import type { FastifyInstance } from 'fastify';
import type { ActionContext } from '../../actions/context.ts';
import { readJobUsage, readUsage } from '../../actions/read-usage.ts';
import { defineCursor } from '../../core/cursor.ts';
import { KaziError } from '../../core/errors.ts';
import { USAGE_GROUPS } from '../../core/usage.ts';
import { readJobReference } from '../jobs/job-reference.ts';
import { readCount } from '../query-values.ts';
import { readName, readTime, readTimeZone } from '../report-values.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { toJobUsageView } from './job-usage-view.ts';
import { type ReportGroup, toLineView, toSumsView, toUsageCsv } from './usage-view.ts';

const REPORT_GROUPS: readonly ReportGroup[] = [...USAGE_GROUPS, 'tenant'];
const REPORT = { who: 'read', readsQueryToken: false, record: 'tenant' } as const;
const JOB = { who: 'read', readsQueryToken: false, record: 'job' } as const;
const LIMIT = { name: 'limit', fallback: 1_000, min: 1, max: 10_000 } as const;
const DEFAULT_SPAN_MS = 30 * 86_400_000;
/** The groups and the zone are part of the place: a cursor goes on with the report that it came from. */
const REPORT_CURSOR = defineCursor('usage', { groups: 'text', timeZone: 'text', key: 'text' });
const CALL_CURSOR = defineCursor('job-usage', { ordinal: 'integer' });

/** `/usage` and `/jobs/{id}/usage`: what model calls took. */
export const addUsageRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, { method: 'GET', url: '/usage', access: REPORT, ...NO_BODY, handle: reportUsage });
  addRoute(server, context, {
    method: 'GET',
    url: '/jobs/:jobId/usage',
    access: JOB,
    ...NO_BODY,
    handle: showJobUsage,
  });
};

const reportUsage = async ({ context, principal, query, reply }: Exchange<unknown>): Promise<unknown> => {
  const format = readName(query.get('format') || 'json', 'format', ['json', 'csv']);
  const groups = readGroups(query.get('group_by') || 'day');
  const timeZone = readTimeZone(query, 'tz', 'UTC');
  const { from, to } = readSpan(query);
  const limit = readCount(query, LIMIT);
  const place = { groups: groups.join(), timeZone };
  const report = await readUsage(context, principal, {
    from,
    to,
    groups: groups.filter((group) => group !== 'tenant'),
    timeZone,
    after: readKey(query.get('cursor'), place),
    limit: limit + 1,
  });
  const lines = report.lines.slice(0, limit);
  const last = report.lines.length > limit ? lines.at(-1) : undefined;
  const nextCursor = last ? REPORT_CURSOR.encode({ ...place, key: JSON.stringify(last.key) }) : null;
  const grouping = { groups, tenantId: principal.tenantId };
  if (format === 'csv') {
    reply.header('Content-Type', 'text/csv; charset=utf-8; header=present');
    reply.header('Content-Disposition', `attachment; filename="usage-${dayOf(from)}-${dayOf(to ?? new Date())}.csv"`);
    if (nextCursor !== null) reply.header('X-Next-Cursor', nextCursor);
    return toUsageCsv(lines, grouping);
  }
  return {
    ok: true,
    from: from.getTime() / 1_000,
    to: to === null ? null : to.getTime() / 1_000,
    tz: timeZone,
    group_by: groups,
    groups: lines.map((line) => toLineView(line, grouping)),
    total: toSumsView(report.total),
    next_cursor: nextCursor,
  };
};

const showJobUsage = async (exchange: Exchange<unknown>): Promise<unknown> => {
  const { context, principal, query } = exchange;
  const reference = await readJobReference(exchange);
  const cursor = query.get('cursor');
  const limit = readCount(query, LIMIT);
  const afterOrdinal = cursor === null ? 0 : readOrdinal(cursor);
  const usage = await readJobUsage(context, principal, { reference, afterOrdinal, limit: limit + 1 });
  const calls = usage.calls.slice(0, limit);
  const last = usage.calls.length > limit ? calls.at(-1) : undefined;
  const nextCursor = last ? CALL_CURSOR.encode({ ordinal: last.ordinal }) : null;
  return { ok: true, ...toJobUsageView({ ...usage, calls }), next_cursor: nextCursor };
};

const readGroups = (text: string): readonly ReportGroup[] => {
  const named = new Set(text.split(',').map((name) => readName(name.trim(), 'group_by', REPORT_GROUPS)));
  return REPORT_GROUPS.filter((group) => named.has(group));
};

const readSpan = (query: URLSearchParams): { readonly from: Date; readonly to: Date | null } => {
  const to = readTime(query, 'to');
  const from = readTime(query, 'from') ?? new Date(Math.max(0, (to?.getTime() ?? Date.now()) - DEFAULT_SPAN_MS));
  if (to === null || from < to) return { from, to };
  const message = `Invalid value for to: found ${to.toISOString()}, expected a time after from, which is ${from.toISOString()}.`;
  throw new KaziError('INVALID_REQUEST', { message });
};

const readKey = (
  cursor: string | null,
  place: { readonly groups: string; readonly timeZone: string },
): readonly string[] | null => {
  if (cursor === null || cursor === '') return null;
  const { groups, timeZone, key } = REPORT_CURSOR.decode(cursor);
  const values = toTexts(key);
  if (groups === place.groups && timeZone === place.timeZone && values !== null) return values;
  throw new KaziError('INVALID_CURSOR', { found: cursor.slice(0, 80) });
};

/** Null for what is not the key of a line; the client may have written it. */
const toTexts = (json: string): readonly string[] | null => {
  try {
    const values: unknown = JSON.parse(json);
    if (!Array.isArray(values) || values.length !== USAGE_GROUPS.length) return null;
    const texts = values.filter((value) => typeof value === 'string' && value.isWellFormed() && !value.includes('\0'));
    return texts.length === values.length ? texts : null;
  } catch {
    // Not JSON: the caller refuses the cursor.
    return null;
  }
};

/** Ordinals are small; a larger one would not fit its column. */
const MOST_ORDINAL = 2_147_483_647;

const readOrdinal = (cursor: string): number => {
  const { ordinal } = CALL_CURSOR.decode(cursor);
  if (ordinal >= 0 && ordinal <= MOST_ORDINAL) return ordinal;
  throw new KaziError('INVALID_CURSOR', { found: cursor.slice(0, 80) });
};

const dayOf = (date: Date): string => date.toISOString().slice(0, 10);
