import { KaziError } from './errors.ts';

/** A credential as it arrived: nothing about it has been verified. */
export interface PresentedCredential {
  /** Told by the prefix `kz_` alone, so a malformed key is still a key. */
  readonly kind: 'api_key' | 'session_token';
  readonly value: string;
}

export interface CredentialPlaces {
  /** The header as received; undefined when the request has none. */
  readonly authorization: string | undefined;
  /** The decoded `?token=`; null when absent and on routes that do not read it. */
  readonly queryToken: string | null;
}

/** Finds the credential of a request. The header wins. Throws MISSING_CREDENTIAL or INVALID_AUTHORIZATION. */
export const readCredential = ({ authorization, queryToken }: CredentialPlaces): PresentedCredential => {
  if (authorization !== undefined) {
    const value = /^Bearer[ \t]+(\S+)[ \t]*$/i.exec(authorization)?.[1];
    if (value === undefined) throw new KaziError('INVALID_AUTHORIZATION');
    return present(value);
  }
  if (queryToken === null || queryToken === '') throw new KaziError('MISSING_CREDENTIAL');
  // Form decoding turns the plus signs of standard base64 into spaces.
  return present(queryToken.replaceAll(' ', '+'));
};

const present = (value: string): PresentedCredential => ({
  kind: value.startsWith('kz_') ? 'api_key' : 'session_token',
  value,
});
