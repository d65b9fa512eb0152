import { isWellFormedApiKey } from './api-key.ts';
import { decodeBase64 } from './base64.ts';
import { parseNetworks } from './networks.ts';

/** How the text of one kind of setting is understood. */
export interface SettingKind<T> {
  /** Completes the sentence "expected …" in a fault, and says in the documentation what may be written. */
  readonly expected: string;
  /** The typed value; null when the text is not of this kind. */
  readonly parse: (text: string) => T | null;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

const kind = <T>(expected: string, parse: SettingKind<T>['parse']): SettingKind<T> => ({ expected, parse });

const parseInteger = (text: string, { least, most }: Bounds): number | null => {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : null;
};

const parseUrl = (text: string, protocols: readonly string[]): string | null => {
  // A user without a host is wrong everywhere but in PostgreSQL's URLs, where the host may be a socket's folder in the query.
  const whole = text.replace(/^(postgres(?:ql)?:\/\/[^/?#]*@)\//, '$1localhost/');
  const protocol = URL.canParse(whole) ? new URL(whole).protocol.slice(0, -1) : null;
  return protocol !== null && protocols.includes(protocol) && /^[^:]+:\/\//.test(text) ? text : null;
};

const isEncryptionKey = (text: string): boolean => decodeBase64(text)?.length === 32;

/** Every kind of setting; those with a choice of their own are functions. */
export const settingKinds = Object.freeze({
  /** Any text that is not blank, trimmed. */
  text: kind('text', (text) => text.trim() || null),
  /** What a relative one is relative to is decided where the configuration is loaded. */
  folder: kind('a folder', (text) => text || null),
  /** No other spellings than these two: tools differ in what `1`, `yes` or `on` mean to them. */
  boolean: kind('true or false', (text) => (text === 'true' ? true : text === 'false' ? false : null)),
  port: kind('a port from 0 to 65535', (text) => parseInteger(text, { least: 0, most: 65_535 })),
  model: kind('provider/model', (text) => (/^[^\s/]+\/\S+$/.test(text) ? text : null)),
  apiKey: kind('kz_ and at least 32 characters of A-Za-z0-9_-', (text) => (isWellFormedApiKey(text) ? text : null)),
  /** A symmetric key. It stays text; whoever uses it decodes it. */
  encryptionKey: kind('32 bytes in base64', (text) => (isEncryptionKey(text) ? text : null)),
  encryptionKeys: kind('keys of 32 bytes in base64, joined with commas', (text) =>
    text.split(',').every((key) => isEncryptionKey(key.trim())) ? text : null,
  ),
  networks: kind('addresses and networks joined with commas, or loopback', (text) =>
    parseNetworks(text) === null ? null : text,
  ),
  /** In lower case, because names of hosts have none. */
  domain: kind('a domain', (text) =>
    /^(?=.{1,253}$)[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(text) ? text.toLowerCase() : null,
  ),
  integer: (least: number, most: number): SettingKind<number> =>
    kind(`a whole number from ${least} to ${most}`, (text) => parseInteger(text, { least, most })),
  dollars: kind('dollars with at most 6 decimals, such as 2.5', (text) =>
    /^\d{1,7}(?:\.\d{1,6})?$/.test(text) ? Number(text) : null,
  ),
  choice: <const T extends string>(choices: readonly T[]): SettingKind<T> =>
    kind(`one of ${choices.join(', ')}`, (text) => choices.find((choice) => choice === text) ?? null),
  /** An absolute URL of one of the protocols, which are named without the colon. */
  url: (protocols: readonly string[]): SettingKind<string> =>
    kind(`a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`, (text) =>
      parseUrl(text, protocols),
    ),
});
