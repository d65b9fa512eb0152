import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ActionContext } from '../../actions/context.ts';
import { listMailAddresses, setMailAddresses } from '../../actions/set-mail-addresses.ts';
import type { UserMailAddresses } from '../../storage/mail.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, NO_BODY } from '../route.ts';

const ACCESS = { who: 'admin', readsQueryToken: false, record: 'tenant' } as const;
const MAX_USER_ID = 256;

const addressesSchema = z.strictObject({
  /** The caller's own user when absent. */
  user_id: z
    .string()
    .min(1)
    .max(MAX_USER_ID)
    .refine((text) => text.isWellFormed() && !text.includes('\0'))
    .nullish(),
  addresses: z.array(z.string()).max(1_000),
});

/** `/mail/addresses`: from where users write to their workers, for the admins of a tenant. */
export const addMailRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/mail/addresses',
    access: ACCESS,
    ...NO_BODY,
    handle: async ({ principal }) => ({ ok: true, users: (await listMailAddresses(context, principal)).map(toView) }),
  });
  addRoute(server, context, {
    method: 'PUT',
    url: '/mail/addresses',
    access: ACCESS,
    readBody: (bytes) => parseBody(addressesSchema, bytes, 'Invalid mail addresses body'),
    // Whose addresses they are is what the request is about, not who asks.
    hintsOf: null,
    handle: async ({ principal, body }) => {
      const userId = body.user_id === undefined ? principal.userId : body.user_id;
      return {
        ok: true,
        user: toView(await setMailAddresses(context, principal, { userId, addresses: body.addresses })),
      };
    },
  });
};

const toView = ({ userId, addresses }: UserMailAddresses) => ({ user_id: userId, addresses });
