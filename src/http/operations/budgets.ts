import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ActionContext } from '../../actions/context.ts';
import { type Budget, listBudgets, readBudget } from '../../actions/list-budgets.ts';
import { setBudget } from '../../actions/set-budget.ts';
import { ACCOUNT_KINDS, type AccountKind, type LimitValue } from '../../core/account.ts';
import { defineCursor } from '../../core/cursor.ts';
import { KaziError } from '../../core/errors.ts';
import { parseSessionId } from '../../core/session-id.ts';
import { describeBodyFaults } from '../body-faults.ts';
import { toDollars } from '../dollars.ts';
import { readCount } from '../query-values.ts';
import { readName } from '../report-values.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';

const ACCESS = { who: 'admin', readsQueryToken: false, record: 'tenant' } as const;
const LIMIT = { name: 'limit', fallback: 100, min: 1, max: 1_000 } as const;
const CURSOR = defineCursor('budgets', { kind: 'text', id: 'text' });
const URLS = ['/budgets/:kind', '/budgets/:kind/:id'] as const;

/** Whole micro-dollars: the shortest decimal form of the number has at most six places. */
const dollarsSchema = z
  .number()
  .min(0)
  .max(1_000_000)
  .refine((dollars) => /^\d+(?:\.\d{1,6})?$/.test(String(dollars)), 'dollars with at most 6 decimals');

const FIELDS = 'max_cost_usd, max_requests';
const budgetSchema = z
  .strictObject(
    {
      max_cost_usd: z.union([z.literal('unlimited'), z.null(), dollarsSchema]).optional(),
      max_requests: z.union([z.literal('unlimited'), z.null(), z.int().min(0).max(1_000_000_000)]).optional(),
    },
    { error: (issue) => (issue.code === 'unrecognized_keys' ? `one of ${FIELDS}` : undefined) },
  )
  .refine((body) => Object.values(body).some((value) => value !== undefined), `at least one of ${FIELDS}`);

type BudgetBody = z.infer<typeof budgetSchema>;

/** `/budgets`: what the tenant, its sessions and its API keys may spend, for its admins. */
export const addBudgetRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, { method: 'GET', url: '/budgets', access: ACCESS, ...NO_BODY, handle: list });
  for (const url of URLS) {
    addRoute(server, context, {
      method: 'GET',
      url,
      access: ACCESS,
      ...NO_BODY,
      handle: async (exchange) => ({
        ok: true,
        budget: toView(await readBudget(context, exchange.principal, readTarget(exchange))),
      }),
    });
    addRoute(server, context, {
      method: 'PUT',
      url,
      access: ACCESS,
      readBody: readLimits,
      hintsOf: null,
      handle: async (exchange) => ({
        ok: true,
        budget: toView(
          await setBudget(context, exchange.principal, {
            ...readTarget(exchange),
            maxRequests: exchange.body.max_requests,
            maxCostMicros: toMicros(exchange.body.max_cost_usd),
          }),
        ),
      }),
    });
  }
};

const list = async ({ context, principal, query }: Exchange<unknown>): Promise<unknown> => {
  const kind = query.get('kind') || null;
  const cursor = query.get('cursor') || null;
  const limit = readCount(query, LIMIT);
  const budgets = await listBudgets(context, principal, {
    kind: kind === null ? null : readName(kind, 'kind', ACCOUNT_KINDS),
    after: cursor === null ? null : readPlace(cursor),
    limit: limit + 1,
  });
  const page = budgets.slice(0, limit);
  const last = budgets.length > limit ? page.at(-1)?.account : undefined;
  return {
    ok: true,
    budgets: page.map(toView),
    next_cursor: last ? CURSOR.encode({ kind: last.kind, id: last.id }) : null,
  };
};

const readPlace = (cursor: string): { readonly kind: AccountKind; readonly id: string } => {
  const place = CURSOR.decode(cursor);
  const kind = ACCOUNT_KINDS.find((known) => known === place.kind);
  if (kind !== undefined && place.id.isWellFormed() && !place.id.includes('\0')) return { kind, id: place.id };
  throw new KaziError('INVALID_CURSOR', { found: cursor.slice(0, 80) });
};

const readTarget = ({ request }: Exchange<unknown>): { readonly kind: AccountKind; readonly id: string } => {
  const params = request.params as { readonly kind: string; readonly id?: string };
  const kind = readName(params.kind, 'the kind of budget', ACCOUNT_KINDS);
  const { id } = params;
  switch (kind) {
    case 'tenant':
    case 'session_default':
      if (id === undefined) return { kind, id: '' };
      throw invalidPath(`/budgets/${kind}/${id}`, `/budgets/${kind}; there is one, the credential's own`);
    case 'session':
      if (id === undefined) throw invalidPath(`/budgets/${kind}`, `/budgets/${kind}/ID`);
      return { kind, id: parseSessionId(id) };
    case 'api_key':
      if (id === undefined) throw invalidPath(`/budgets/${kind}`, `/budgets/${kind}/ID`);
      if (!z.uuid().safeParse(id).success) throw new KaziError('API_KEY_NOT_FOUND');
      return { kind, id: id.toLowerCase() };
  }
};

const invalidPath = (found: string, expected: string): KaziError =>
  new KaziError('INVALID_REQUEST', {
    message: `Invalid budget path: found "${found.slice(0, 200)}", expected ${expected}.`,
  });

const readLimits = (bytes: Buffer | undefined): BudgetBody => {
  const parsed = budgetSchema.safeParse(parseBody(z.unknown(), bytes, 'Invalid budget body'), { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new KaziError('INVALID_REQUEST', { message: `Invalid budget: ${describeBodyFaults(parsed.error)}` });
};

const toMicros = (dollars: BudgetBody['max_cost_usd']): LimitValue | null | undefined =>
  typeof dollars === 'number' ? Math.round(dollars * 1_000_000) : dollars;

const toLimitView = (micros: LimitValue | null): LimitValue | null =>
  typeof micros === 'number' ? toDollars(micros) : micros;

const toView = ({ account, defaultMaxRequests, defaultMaxCostMicros }: Budget): Readonly<Record<string, unknown>> => ({
  kind: account.kind,
  id: account.id === '' ? null : account.id,
  max_cost_usd: toLimitView(account.maxCostMicros),
  default_max_cost_usd: toLimitView(defaultMaxCostMicros),
  max_requests: account.maxRequests,
  default_max_requests: defaultMaxRequests,
  ...(account.kind === 'session_default'
    ? {}
    : { spent_usd: toDollars(account.spentMicros), held_usd: toDollars(account.heldMicros) }),
  ...(account.kind === 'session' ? { requests: account.requests } : {}),
});
