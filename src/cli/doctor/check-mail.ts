import { connect } from 'node:net';
import type { Config } from '../../config.ts';
import { type Finding, fail, ok, warn } from './check.ts';

const CONNECT_MS = 5_000;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'smtp:': 587, 'smtps:': 465 };

/** What mail would do; nothing is sent. */
export const checkMail = async (config: Config): Promise<Finding> => {
  const { smtpPort, smtpHost, host, mailDomain, smtpRelayUrl, smtpTrusted } = config;
  if (smtpPort === null) return ok('mail', 'off (KAZI_SMTP_PORT)');
  const heard = `listens on ${smtpHost ?? host}:${smtpPort} for *@${mailDomain}`;
  if ((config.smtpTlsCert === null) !== (config.smtpTlsKey === null)) {
    return fail(
      'mail',
      `${heard}, with only one of certificate and key`,
      'set KAZI_SMTP_TLS_CERT and KAZI_SMTP_TLS_KEY, or none',
    );
  }
  if (smtpRelayUrl === null) return warn('mail', `${heard}; mails are not answered`, 'set KAZI_SMTP_RELAY_URL');
  const { hostname, port, protocol } = new URL(smtpRelayUrl);
  const relay = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (DEFAULT_PORTS[protocol] ?? 25) };
  const fault = await tryToConnect(relay);
  if (fault !== null) {
    const found = `${heard}; the relay ${relay.host}:${relay.port} cannot be reached (${fault})`;
    return warn('mail', found, 'answers wait and are tried again; correct KAZI_SMTP_RELAY_URL, or start that server');
  }
  const trusted = smtpTrusted === null ? '' : `, trusts ${smtpTrusted}`;
  return ok('mail', `${heard}${trusted}; answers go through ${relay.host}:${relay.port}`);
};

const tryToConnect = async (place: { readonly host: string; readonly port: number }): Promise<string | null> =>
  await new Promise((resolve) => {
    const socket = connect({ ...place, timeout: CONNECT_MS });
    const end = (fault: string | null): void => {
      socket.destroy();
      resolve(fault);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end('no answer'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
