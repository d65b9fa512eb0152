import { readFile } from 'node:fs/promises';
import { readVariable } from '../../config.ts';
import { isSessionId } from '../../core/session-id.ts';
import { isTokenClaim, mintSessionToken } from '../../core/session-token.ts';
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
  readonly secretFile?: string;
  readonly secretEnv?: string;
  readonly json?: boolean;
}

/** Signs a session token with the secret that is named, else with the installation's. Needs no server: whoever has the secret may mint. */
export const mintToken = async (options: TokenOptions): Promise<number> => {
  const wrong = options.session?.find((id) => !isSessionId(id));
  if (wrong !== undefined) {
    throw new CommandFailure(
      'usage',
      `found the session id "${wrong}", expected 1 to 128 characters of A-Za-z0-9._:@-; correct --session`,
    );
  }
  const issuedAtMs = Date.now();
  const expiresAtMs = issuedAtMs + parseDuration(options.ttl);
  checkClaim(options.user, '--user');
  checkClaim(options.tenant, '--tenant');
  const token = mintSessionToken({
    secret: await readSecret(options),
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

/** A secret is never an argument: other users of the machine see those. */
const readSecret = async (options: TokenOptions): Promise<string> => {
  const { secretFile, secretEnv } = options;
  if (secretFile !== undefined && secretEnv !== undefined) {
    throw new CommandFailure('usage', 'found --secret-file and --secret-env, expected one of them');
  }
  if (secretEnv !== undefined) {
    return readVariable(secretEnv) ?? refuse(`found nothing in the variable "${secretEnv}"`, 'set it');
  }
  if (secretFile !== undefined) {
    const text = await readFile(secretFile, 'utf8').catch((cause: unknown) =>
      refuse(`cannot read "${secretFile}"`, 'name another file', cause),
    );
    return text.trim() || refuse(`found nothing in "${secretFile}"`, "put the server's secret there");
  }
  const config = readClientConfig(options);
  const secret = config.sessionSigningSecret ?? (await readKeptSecret(config.dataDir, 'session-signing-secret'));
  return (
    secret ??
    refuse(
      `found no signing secret in "${config.dataDir}"`,
      "start the server once, or set KAZI_SESSION_SIGNING_SECRET to the server's, or use --secret-file or --secret-env",
    )
  );
};

const refuse = (found: string, remedy: string, cause?: unknown): never => {
  throw new CommandFailure('usage', `${found}, expected a signing secret: ${remedy}`, { cause });
};

const checkClaim = (value: string | undefined, option: string): void => {
  if (value === undefined || isTokenClaim(value)) return;
  throw new CommandFailure('usage', `found "${value}", expected 1 to 256 characters; correct ${option}`);
};
