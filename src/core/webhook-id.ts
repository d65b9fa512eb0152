const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const PREFIX = 'msg_';

/** How the id of a delivery, 128 bits that begin with a time, is told to others: `msg_<ULID>`. */
export const toWebhookId = (uuid: string): string => {
  let rest = BigInt(`0x${uuid.replaceAll('-', '')}`);
  let text = '';
  for (let place = 0; place < 26; place += 1) {
    text = `${ALPHABET[Number(rest & 31n)] ?? ''}${text}`;
    rest >>= 5n;
  }
  return `${PREFIX}${text}`;
};

/** The way back, in any letter case; null for what toWebhookId never makes. */
export const fromWebhookId = (id: string): string | null => {
  const text = id.slice(PREFIX.length).toUpperCase();
  if (!id.startsWith(PREFIX) || !ULID.test(text)) return null;
  const bits = Array.from(text).reduce((sum, digit) => (sum << 5n) | BigInt(ALPHABET.indexOf(digit)), 0n);
  const hex = bits.toString(16).padStart(32, '0');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
};
