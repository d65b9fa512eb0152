import { posix } from 'node:path';
import mimeTypes from 'mime-types';

const FILE_NAME_MAX_LENGTH = 255;

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

const safeFileName = (path: string): string => {
  const name = posix
    .basename(path)
    .toWellFormed()
    .replaceAll(/[\\/:*?"<>|\p{Cc}]/gu, '_');
  const cut = name.slice(0, FILE_NAME_MAX_LENGTH);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
};

/** RFC 8187 allows fewer characters unescaped than encodeURIComponent leaves. */
const encodeExtended = (name: string): string =>
  encodeURIComponent(name).replaceAll(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
