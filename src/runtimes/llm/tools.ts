import type { Tool } from './tool.ts';
import { askTool } from './tools/ask-person.ts';
import { bashTool } from './tools/bash.ts';
import { editTool } from './tools/edit-file.ts';
import { fetchUrlTool } from './tools/fetch-url.ts';
import { listTool } from './tools/list-files.ts';
import { publishTool } from './tools/publish-artifact.ts';
import { readTool } from './tools/read-file.ts';
import { scheduleTool } from './tools/schedule-work.ts';
import { searchTool } from './tools/search-files.ts';
import { spawnTool } from './tools/spawn-job.ts';
import { writeTool } from './tools/write-file.ts';

/** The tools that kazi brings, as agents name them (core/builtin-tools.ts). */
export const TOOLS: readonly Tool[] = [
  bashTool,
  readTool,
  writeTool,
  editTool,
  listTool,
  searchTool,
  fetchUrlTool,
  publishTool,
  scheduleTool,
  spawnTool,
  askTool,
];
