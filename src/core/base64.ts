/**
 * Decodes standard base64 or base64url, padded or not; null for anything else. Stricter than Buffer.from, which skips
 * what it does not understand: mixed alphabets, stray characters, wrong padding and non-zero spare bits are refused.
 */
export const decodeBase64 = (text: string): Buffer | null => {
  const body = text.replace(/={1,2}$/, '');
  if (body !== text && text.length % 4 !== 0) return null;
  if (/[+/]/.test(body) && /[-_]/.test(body)) return null;
  const canonical = body.replaceAll('+', '-').replaceAll('/', '_');
  const bytes = Buffer.from(canonical, 'base64url');
  return bytes.toString('base64url') === canonical ? bytes : null;
};
