import type { PageRequest } from '../../actions/page.ts';
import { KaziError } from '../../core/errors.ts';
import { isProfileId } from '../../core/profile-id.ts';
import { shapeFault } from './shape.ts';
import { uuidAfter } from './wire-id.ts';

/** How one list is paged. */
export interface ListRule {
  /** In messages about cursors: Job, Run, Message, Agent. */
  readonly kind: string;
  /** What ids have before their UUID; null for agents, whose whole id names them. */
  readonly prefix: string | null;
  readonly fallback: number;
  /** True: 0 and more than the most mean the most. False: they are refused. */
  readonly isLenient: boolean;
  readonly order: 'asc' | 'desc';
}

const MOST = 1_000;

/** The page that a query asks for; all shape faults at once. Throws INVALID_SHAPE, UNKNOWN_REFERENCE for what can be no cursor. */
export const readPageRequest = (query: URLSearchParams, rule: ListRule): PageRequest => {
  const faults: string[] = [];
  const order = query.get('order') || rule.order;
  if (order !== 'asc' && order !== 'desc') faults.push("query.order: expected 'asc' or 'desc'");
  if ((query.get('order_by') || 'created_at') !== 'created_at') faults.push("query.order_by: expected 'created_at'");
  const limit = readLimit(query, rule, faults);
  if (faults.length > 0) throw shapeFault(faults);
  return {
    isNewestFirst: order === 'desc',
    limit,
    after: readCursor(query, 'after', rule),
    before: readCursor(query, 'before', rule),
  };
};

const readLimit = (query: URLSearchParams, { fallback, isLenient }: ListRule, faults: string[]): number => {
  const text = query.get('limit');
  if (text === null || text === '') return fallback;
  const limit = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (isLenient && limit >= 0) return limit === 0 ? MOST : Math.min(limit, MOST);
  if (limit >= 1 && limit <= MOST) return limit;
  faults.push(`query.limit: expected an integer from ${isLenient ? 0 : 1} to ${MOST}`);
  return fallback;
};

const readCursor = (query: URLSearchParams, name: string, { kind, prefix }: ListRule): string | null => {
  const text = query.get(name);
  if (text === null || text === '') return null;
  const id = prefix === null ? (isProfileId(text) ? text : null) : uuidAfter(text, prefix);
  if (id === null) throw new KaziError('UNKNOWN_REFERENCE', { kind, id: text });
  return id;
};

/** Agents that a parameter names, each time that it stands there; null where it does not. Throws INVALID_SHAPE. */
export const readAgentIds = (query: URLSearchParams, names: readonly string[]): readonly string[] | null => {
  const given = names.flatMap((name) => query.getAll(name).map((id) => ({ name, id }))).filter(({ id }) => id !== '');
  const faults = given
    .filter(({ id }) => !isProfileId(id))
    .map(({ name }) => `query.${name}: expected the id of an agent`);
  if (faults.length > 0) throw shapeFault(faults);
  return given.length === 0 ? null : given.map(({ id }) => id);
};
