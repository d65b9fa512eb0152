/**
 * The URL for the router: every `%` of the path is escaped once more. The router decodes once, so its parameters hold
 * exactly what the client sent: each handler decodes by its own rules, `%2F` never becomes a separator, and a broken
 * encoding reaches the route that has to answer for it.
 */
export const toRouterUrl = (url: string): string => {
  const at = endOfPath(url);
  const path = withoutSlash(url.slice(0, at));
  return path.replaceAll('%', '%25') + url.slice(at);
};

/** The workers and batches APIs have each path with and without a slash at its end; that of a worker's file names a folder. */
const WITH_SLASH = /^\/(?:v1\/.*|api\/workers(?:\/(?![^/]+\/files\/).*)?)(?<!\/)\/$/;

const withoutSlash = (path: string): string => (WITH_SLASH.test(path) ? path.slice(0, -1) : path);

/** The path without the query, as the router has it. */
export const pathOf = (url: string): string => url.slice(0, endOfPath(url));

/** The raw query string without its question mark; empty when there is none. */
export const searchOf = (url: string): string => url.slice(endOfPath(url) + 1);

const endOfPath = (url: string): number => {
  const at = url.indexOf('?');
  return at < 0 ? url.length : at;
};
