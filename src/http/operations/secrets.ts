import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { removeSecret, storeSecret } from '../../actions/change-secrets.ts';
import type { ActionContext } from '../../actions/context.ts';
import { listTenantSecrets } from '../../actions/list-tenant-secrets.ts';
import type { SecretEntry } from '../../storage/secrets.ts';
import { decodeOnce } from '../path-parameter.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { toSeconds } from '../seconds.ts';

const ACCESS = { who: 'admin', readsQueryToken: false, record: 'tenant' } as const;
const MAX_VALUE_UNITS = 65_536;
const MAX_KEEP_SECONDS = 365 * 86_400;

const valueSchema = z.strictObject({
  value: z
    .string()
    .min(1)
    .max(MAX_VALUE_UNITS)
    .refine((text) => text.isWellFormed()),
  keep_previous_seconds: z.int().min(0).max(MAX_KEEP_SECONDS).nullish(),
});

/** `/secrets`: the vault of a tenant, for its admins. Values go in and never come out. */
export const addSecretRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/secrets',
    access: ACCESS,
    ...NO_BODY,
    handle: async ({ principal }) => ({ ok: true, secrets: (await listTenantSecrets(context, principal)).map(toView) }),
  });
  addRoute(server, context, {
    method: 'PUT',
    url: '/secrets/:name',
    access: ACCESS,
    readBody: (bytes) => parseBody(valueSchema, bytes, 'Invalid secret body'),
    hintsOf: null,
    handle: async (exchange) => {
      const entry = await storeSecret(context, exchange.principal, {
        name: nameOf(exchange),
        value: exchange.body.value,
        keepPreviousMs: (exchange.body.keep_previous_seconds ?? 0) * 1_000,
      });
      return { ok: true, secret: toView(entry) };
    },
  });
  addRoute(server, context, {
    method: 'DELETE',
    url: '/secrets/:name',
    access: ACCESS,
    ...NO_BODY,
    handle: async (exchange) => {
      await removeSecret(context, exchange.principal, nameOf(exchange));
      return { ok: true, deleted: true, name: nameOf(exchange) };
    },
  });
};

const nameOf = ({ request }: Exchange<unknown>): string =>
  decodeOnce((request.params as { readonly name: string }).name);

const toView = (entry: SecretEntry): Readonly<Record<string, unknown>> => ({
  name: entry.name,
  created_at: toSeconds(entry.createdAt),
  updated_at: toSeconds(entry.updatedAt),
  last_used_at: toSeconds(entry.lastUsedAt),
  previous_until: toSeconds(entry.previousUntil),
});
