import { type CredentialPlaces, readCredential } from '../core/credential.ts';
import type { Principal } from '../core/principal.ts';
import { verifySessionToken } from '../core/session-token.ts';
import type { ActionContext } from './context.ts';

/** Whom the credential of a request stands for. Throws the 401 errors of the jobs API, section 2. */
export const authenticate = async (context: ActionContext, places: CredentialPlaces): Promise<Principal> => {
  const credential = readCredential(places);
  if (credential.kind === 'api_key') return await context.apiKeys.principalOf(credential.value);
  return verifySessionToken({ token: credential.value, secrets: context.signingSecrets, nowMs: Date.now() });
};
