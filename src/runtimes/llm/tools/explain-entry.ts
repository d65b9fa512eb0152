import { posix } from 'node:path';
import type { RuntimeFile, RuntimeSandbox } from '../../runtime.ts';
import { failed } from '../define-tool.ts';
import type { ToolResult } from '../tool.ts';

/** Entries of a folder that are looked at for near names. */
const MAX_CANDIDATES = 1000;
const MAX_NAMES = 8;

/** What a tool answers for a path at which nothing is: names what is near it. */
export const explainMissing = async (sandbox: RuntimeSandbox, path: string): Promise<ToolResult> => {
  const folder = await findFolder(sandbox, posix.dirname(path));
  const entries = await sandbox.list(folder, { maxEntries: MAX_CANDIDATES });
  const shown = folder === '.' ? 'the workspace' : `the folder ${quoteName(folder)}`;
  const names = nearestFirst(entries, posix.basename(path)).slice(0, MAX_NAMES);
  const near = names.map((entry) => quoteName(entry.path) + (entry.type === 'directory' ? '/' : '')).join(', ');
  return failed(
    `There is no ${quoteName(path)}. ${
      near === '' ? `${capitalize(shown)} is empty.` : `Nearest in ${shown}: ${near}. Use list to see more.`
    }`,
  );
};

/** What a tool that works on files answers for an entry that is none. */
export const explainNoFile = (entry: RuntimeFile): ToolResult => {
  const name = quoteName(entry.path === '' ? '.' : entry.path);
  if (entry.type === 'directory') return failed(`${name} is a folder, expected a file. Use list to see what is in it.`);
  return entry.type === 'link'
    ? failed(`${name} is a symbolic link; links are not followed here. Name the file it leads to, or use bash.`)
    : failed(`${name} is a pipe, socket or device, expected a file.`);
};

/** A name as it is, or as a JSON string when it could be misread. */
export const quoteName = (name: string): string => {
  const quoted = JSON.stringify(name);
  return quoted === `"${name}"` && name.trim() === name && name !== '' ? name : quoted;
};

/** The folder itself, or the nearest above it that is there. */
const findFolder = async (sandbox: RuntimeSandbox, folder: string): Promise<string> => {
  const entry = await sandbox.stat(folder);
  if (entry?.type === 'directory') return entry.path === '' ? '.' : entry.path;
  const above = posix.dirname(folder);
  return above === folder ? '.' : await findFolder(sandbox, above);
};

const nearestFirst = (entries: readonly RuntimeFile[], wanted: string): readonly RuntimeFile[] =>
  entries
    .map((entry) => ({ entry, distance: measureDistance(posix.basename(entry.path), wanted) }))
    .sort((left, right) => left.distance - right.distance)
    .map(({ entry }) => entry);

/** 0 for the same name in other letters, up to 1 for names without any two letters in common. */
const measureDistance = (left: string, right: string): number => {
  const leftPairs = pairsOf(left.toLowerCase());
  const rightPairs = pairsOf(right.toLowerCase());
  if (left.toLowerCase() === right.toLowerCase()) return 0;
  const shared = [...leftPairs].filter((pair) => rightPairs.has(pair)).length;
  return 1 - (2 * shared) / Math.max(1, leftPairs.size + rightPairs.size);
};

const pairsOf = (text: string): ReadonlySet<string> =>
  new Set(Array.from({ length: Math.max(0, text.length - 1) }, (_, index) => text.slice(index, index + 2)));

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
