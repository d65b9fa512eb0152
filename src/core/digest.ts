/** True for a SHA-256 as kazi writes it: 64 hexadecimal digits in lower case. */
export const isSha256 = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);
