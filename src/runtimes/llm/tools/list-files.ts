import { posix } from 'node:path';
import { z } from 'zod';
import type { RuntimeFile, RuntimeSandbox } from '../../runtime.ts';
import { defineTool, explainToModel } from '../define-tool.ts';
import type { Tool, ToolResult } from '../tool.ts';
import { explainMissing, explainNoFile, quoteName } from './explain-entry.ts';
import { SKIPPED_FOLDERS } from './search-script.ts';

const DEFAULT_LIMIT = 500;
const MAX_LIMIT = 5000;
const MAX_CHARACTERS = 36_000;

const input = z.strictObject({
  path: z.string().min(1).optional().describe('Folder to list; the workspace when left out.'),
  recursive: z.boolean().optional().describe('List what is in its folders, too.'),
  limit: z.number().int().min(1).max(MAX_LIMIT).optional().describe(`Entries to give; ${DEFAULT_LIMIT} when left out.`),
});

/** Lists folders of the workspace. */
export const listTool: Tool = defineTool({
  name: 'list',
  description: `Lists a folder of the workspace, by name: files with their size in bytes, folders with a / at the end. With recursive, ${SKIPPED_FOLDERS.join(', ')} are named but not entered.`,
  input,
  isRepeatable: true,
  run: async ({ path = '.', recursive = false, limit = DEFAULT_LIMIT }, call) => {
    const sandbox = await call.openSandbox();
    const entry = await sandbox.stat(path);
    if (entry === null) return await explainMissing(sandbox, path);
    if (entry.type === 'file') return describeEntries([entry], false, entry.path);
    if (entry.type !== 'directory') return explainNoFile(entry);
    const folder = entry.path === '' ? '.' : entry.path;
    // One more than asked tells whether there is more.
    const walk: Walk = { sandbox, recursive, entries: [], limit: limit + 1, signal: call.signal };
    await walkFolder(walk, folder);
    return describeEntries(walk.entries.slice(0, limit), walk.entries.length > limit, folder);
  },
});

interface Walk {
  readonly sandbox: RuntimeSandbox;
  readonly recursive: boolean;
  readonly entries: RuntimeFile[];
  readonly limit: number;
  readonly signal: AbortSignal;
}

const walkFolder = async (walk: Walk, folder: string): Promise<void> => {
  walk.signal.throwIfAborted();
  const { sandbox, entries, limit, recursive } = walk;
  for (const entry of await sandbox.list(folder, { maxEntries: limit - entries.length })) {
    if (entries.length >= limit) return;
    entries.push(entry);
    const isEntered = recursive && entry.type === 'directory' && !SKIPPED_FOLDERS.includes(posix.basename(entry.path));
    if (isEntered) await walkInto(walk, entry.path);
  }
};

/** What was removed, made unreadable or swapped for a link since it was listed does not hide the rest. */
const walkInto = async (walk: Walk, folder: string): Promise<void> => {
  try {
    await walkFolder(walk, folder);
  } catch (error) {
    walk.signal.throwIfAborted();
    if (explainToModel(error) === null) throw error;
  }
};

const describeEntries = (entries: readonly RuntimeFile[], hasMore: boolean, folder: string): ToolResult => {
  const lines: string[] = [];
  let room = MAX_CHARACTERS;
  for (const entry of entries) {
    const line = describeEntry(entry);
    room -= line.length + 1;
    if (room < 0) break;
    lines.push(line);
  }
  const isCut = hasMore || lines.length < entries.length;
  if (lines.length === 0) lines.push(`${folder === '.' ? 'The workspace' : `${quoteName(folder)}/`} is empty.`);
  if (isCut)
    lines.push(`[The first ${lines.length} entries. There are more: list a folder of it, or give a higher limit.]`);
  return {
    kind: 'done',
    content: lines.join('\n'),
    isError: false,
    facts: { path: folder, entries: entries.length, is_complete: !isCut },
  };
};

const describeEntry = ({ path, type, bytes }: RuntimeFile): string => {
  const name = quoteName(path);
  if (type === 'directory') return `${name}/`;
  if (type === 'file') return `${name}\t${bytes}`;
  return `${name}\t${type === 'link' ? 'symbolic link' : 'pipe, socket or device'}`;
};
