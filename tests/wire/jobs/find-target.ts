import { type ApiOptions, startApi } from '../../support/api.ts';
import { mintToken, type Target } from './target.ts';

/** Where `npm run conformance` says which server to check. */
export const CONFORMANCE_VARIABLES = {
  url: 'CONFORMANCE_URL',
  secret: 'CONFORMANCE_SECRET',
  apiKey: 'CONFORMANCE_API_KEY',
} as const;

/** The server that the environment names, else one in this process, with these options. */
export const findTarget = async (options: ApiOptions = {}): Promise<Target> => {
  const { env } = process;
  const url = env[CONFORMANCE_VARIABLES.url];
  const signingSecret = env[CONFORMANCE_VARIABLES.secret];
  if (url === undefined || signingSecret === undefined) {
    const api = await startApi(options);
    return { url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey };
  }
  const apiKey = env[CONFORMANCE_VARIABLES.apiKey];
  if (apiKey !== undefined) return { url, signingSecret, apiKey };
  const standIn = mintToken({ signingSecret }, { tenant_id: 'default', user_id: 'admin' });
  return { url, signingSecret, apiKey: standIn, hasNoKey: true };
};

/** A server that keeps webhooks out of private networks: the target itself where the environment names it, which may not do that. */
export const findCarefulTarget = async (target: Target): Promise<Target> => {
  if (process.env[CONFORMANCE_VARIABLES.url] !== undefined) return target;
  const api = await startApi({ allowPrivateWebhooks: false });
  return { url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey };
};
