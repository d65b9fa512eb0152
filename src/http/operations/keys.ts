import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ActionContext } from '../../actions/context.ts';
import { listTenantApiKeys } from '../../actions/list-api-keys.ts';
import { makeApiKey } from '../../actions/make-api-key.ts';
import { revokeTenantApiKey } from '../../actions/revoke-api-key.ts';
import { KaziError } from '../../core/errors.ts';
import { SCOPES } from '../../core/scope.ts';
import type { ApiKey } from '../../storage/api-keys.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, NO_BODY } from '../route.ts';
import { storableText } from '../schema.ts';
import { MAX_SECONDS, toSeconds } from '../seconds.ts';

const newKeySchema = z.strictObject({
  name: storableText.trim().min(1).max(200),
  user_id: storableText.trim().min(1).max(256).nullish(),
  scopes: z.array(z.enum(SCOPES)).min(1).default(['user']),
  expires_at: z.int().min(1).max(MAX_SECONDS).nullish(),
});

const ACCESS = { who: 'admin', readsQueryToken: false, record: 'tenant' } as const;
const idSchema = z.uuid();

/** `/keys`: the API keys of a tenant, for its admins. */
export const addKeyRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/keys',
    access: ACCESS,
    ...NO_BODY,
    handle: async ({ principal }) => ({ ok: true, keys: (await listTenantApiKeys(context, principal)).map(toView) }),
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/keys',
    access: ACCESS,
    readBody: (bytes) => parseBody(newKeySchema, bytes, 'Invalid API key body'),
    hintsOf: null,
    handle: async ({ principal, body }) => {
      const { apiKey, secret } = await makeApiKey(context, principal, {
        name: body.name,
        userId: body.user_id ?? null,
        scopes: body.scopes,
        expiresAt: body.expires_at ? new Date(body.expires_at * 1_000) : null,
      });
      return { ok: true, api_key: secret, key: toView(apiKey) };
    },
  });
  addRoute(server, context, {
    method: 'DELETE',
    url: '/keys/:id',
    access: ACCESS,
    ...NO_BODY,
    handle: async ({ principal, request }) => {
      const id = idSchema.safeParse((request.params as { readonly id: string }).id);
      if (!id.success) throw new KaziError('API_KEY_NOT_FOUND');
      return { ok: true, key: toView(await revokeTenantApiKey(context, principal, id.data)) };
    },
  });
};

const toView = (key: ApiKey): Readonly<Record<string, unknown>> => ({
  id: key.id,
  name: key.name,
  hint: key.hint,
  tenant_id: key.tenantId,
  user_id: key.userId,
  scopes: key.scopes,
  created_at: toSeconds(key.createdAt),
  expires_at: toSeconds(key.expiresAt),
  last_used_at: toSeconds(key.lastUsedAt),
  revoked_at: toSeconds(key.revokedAt),
});
