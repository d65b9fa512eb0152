import { isWellFormedApiKey } from './api-key.ts';
import { decodeBase64 } from './base64.ts';

/** How the text of one kind of setting is understood. */
export interface SettingKind<T> {
  /** Completes the sentence "expected …" in a fault, and says in the documentation what may be written. */
  readonly expected: string;
  /** The typed value; null when the text is not of this kind. */
  readonly parse: (text: string) => T | null;
}

/** Any text that is not blank, trimmed. */
export const textKind: SettingKind<string> = { expected: 'text', parse: (text) => text.trim() || null };

/** A path; what it is relative to is decided where the configuration is loaded. */
export const folderKind: SettingKind<string> = { expected: 'a folder', parse: (text) => text || null };

/** `true` and `false` only: other spellings differ between tools in meaning. */
export const booleanKind: SettingKind<boolean> = {
  expected: 'true or false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : null),
};

export const portKind: SettingKind<number> = {
  expected: 'a port from 0 to 65535',
  parse: (text) => parseInteger(text, { least: 0, most: 65_535 }),
};

export const modelKind: SettingKind<string> = {
  expected: 'provider/model',
  parse: (text) => (/^[^\s/]+\/\S+$/.test(text) ? text : null),
};

export const apiKeyKind: SettingKind<string> = {
  expected: 'kz_ and at least 32 characters of A-Za-z0-9_-',
  parse: (text) => (isWellFormedApiKey(text) ? text : null),
};

/** A symmetric key. It stays text here; whoever uses it decodes it. */
export const encryptionKeyKind: SettingKind<string> = {
  expected: '32 bytes in base64',
  parse: (text) => (decodeBase64(text)?.length === 32 ? text : null),
};

/** A whole number within both bounds, written in decimal digits. */
export const integerKind = (least: number, most: number): SettingKind<number> => ({
  expected: `a whole number from ${least} to ${most}`,
  parse: (text) => parseInteger(text, { least, most }),
});

/** One of a closed list of words. */
export const choiceKind = <const T extends string>(choices: readonly T[]): SettingKind<T> => ({
  expected: `one of ${choices.join(', ')}`,
  parse: (text) => choices.find((choice) => choice === text) ?? null,
});

/** An absolute URL of one of the protocols (without the colon). */
export const urlKind = (protocols: readonly string[]): SettingKind<string> => ({
  expected: `a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`,
  parse: (text) => {
    const protocol = URL.canParse(text) ? new URL(text).protocol.slice(0, -1) : null;
    return protocol !== null && protocols.includes(protocol) && /^[^:]+:\/\//.test(text) ? text : null;
  },
});

const parseInteger = (text: string, { least, most }: { readonly least: number; readonly most: number }): number | null => {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : null;
};
