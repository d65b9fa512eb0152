import { posix } from 'node:path';
import { KaziError } from './errors.ts';

/**
 * The path of an artifact out of a URL: decoded once, normalised, relative, inside. Throws INVALID_ARTIFACT_PATH for
 * broken percent-encoding, ARTIFACT_NOT_FOUND for everything that cannot name a file inside.
 */
export const parseArtifactPath = (encodedPath: string): string => {
  const decoded = decode(encodedPath);
  if (decoded.endsWith('/')) throw new KaziError('ARTIFACT_NOT_FOUND');
  const path = posix.normalize(decoded);
  if (!isArtifactPath(path)) throw new KaziError('ARTIFACT_NOT_FOUND');
  return path;
};

/**
 * True for a normalised path of a file inside. A backslash is a legal character of a name here, but a path that would
 * lead outside where it separates folders (Windows clients, archive tools) is refused.
 */
export const isArtifactPath = (path: string): boolean => {
  if (path === '' || path === '.' || path.includes('\0') || !path.isWellFormed()) return false;
  if (posix.isAbsolute(path) || path.endsWith('/') || posix.normalize(path) !== path) return false;
  return !/^(?:\\|[A-Za-z]:[\\/])/.test(path) && !path.split(/[\\/]/).includes('..');
};

const decode = (encodedPath: string): string => {
  try {
    return decodeURIComponent(encodedPath);
  } catch (cause) {
    throw new KaziError('INVALID_ARTIFACT_PATH', {}, { cause });
  }
};
