import { isSessionId } from '../../core/session-id.ts';
import { mintSessionToken } from '../../core/session-token.ts';
import { type ConfigOptions, readClientConfig } from '../connection.ts';
import { parseDuration } from '../duration.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { readKeptSecret } from '../kept-secret.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';

export interface TokenOptions extends ConfigOptions {
  readonly session?: readonly string[];
  readonly user?: string;
  readonly tenant?: string;
  readonly ttl: string;
  readonly json?: boolean;
}

/** Signs a session token with the installation's secret. Needs no server: whoever has the secret may mint. */
export const mintToken = async (options: TokenOptions): Promise<number> => {
  const config = readClientConfig(options);
  const wrong = options.session?.find((id) => !isSessionId(id));
  if (wrong !== undefined) {
    throw new CommandFailure(
      'usage',
      `found the session id "${wrong}", expected 1 to 128 characters of A-Za-z0-9._:@-; correct --session`,
    );
  }
  const secret = config.sessionSigningSecret ?? (await readKeptSecret(config.dataDir, 'session-signing-secret'));
  if (secret === null) {
    throw new CommandFailure(
      'usage',
      `found no signing secret in "${config.dataDir}", expected one: start the server once, or set KAZI_SESSION_SIGNING_SECRET to the server's`,
    );
  }
  const issuedAtMs = Date.now();
  const expiresAtMs = issuedAtMs + parseDuration(options.ttl);
  const token = mintSessionToken({
    secret,
    issuedAtMs,
    expiresAtMs,
    userId: options.user ?? null,
    tenantId: options.tenant ?? null,
    sessionIds: options.session ?? null,
  });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, { token, issued_at: issuedAtMs, expires_at: expiresAtMs });
  else output.write(`${token}\n`);
  return EXIT_CODES.ok;
};
