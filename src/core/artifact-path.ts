import { posix } from 'node:path';
import mimeTypes from 'mime-types';
import { KaziError } from './errors.ts';

const FILE_NAME_MAX_LENGTH = 255;

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

/** The media type by file extension, without parameters; null when the extension is unknown or missing. */
export const artifactContentType = (path: string): string | null => {
  const extension = posix.extname(path);
  return extension === '' ? null : mimeTypes.lookup(extension) || null;
};

/** The value of `Content-Disposition` that makes a browser save an artifact under a harmless name. */
export const attachmentDisposition = (path: string): string => {
  const name = safeFileName(path);
  // Header values are ASCII here; the extended form carries the rest of the name.
  const fallback = name.replaceAll(/[^\x20-\x7e]/gu, '_');
  return `attachment; filename="${fallback}"; filename*=UTF-8''${encodeExtended(name)}`;
};

const decode = (encodedPath: string): string => {
  try {
    return decodeURIComponent(encodedPath);
  } catch (cause) {
    throw new KaziError('INVALID_ARTIFACT_PATH', {}, { cause });
  }
};

const safeFileName = (path: string): string => {
  const name = posix.basename(path).toWellFormed().replaceAll(/[\\/:*?"<>|\p{Cc}]/gu, '_');
  const cut = name.slice(0, FILE_NAME_MAX_LENGTH);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
};

/** RFC 8187 allows fewer characters unescaped than encodeURIComponent leaves. */
const encodeExtended = (name: string): string =>
  encodeURIComponent(name).replaceAll(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
