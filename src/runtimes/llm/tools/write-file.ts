import { z } from 'zod';
import { defineTool, failed } from '../define-tool.ts';
import type { Tool } from '../tool.ts';
import { explainNoFile, quoteName } from './explain-entry.ts';
import { splitLines } from './number-lines.ts';

const input = z.strictObject({
  path: z.string().min(1).describe('File, relative to the workspace.'),
  content: z.string().describe('All that the file shall hold.'),
});

/** Creates and replaces files of the workspace. */
export const writeTool: Tool = defineTool({
  name: 'write',
  description:
    'Writes a file of the workspace: creates it, with its folders, or replaces all that it held. To change a part of a file use edit.',
  input,
  isRepeatable: true,
  run: async ({ path, content }, call) => {
    const sandbox = await call.openSandbox();
    if (path.endsWith('/'))
      return failed(`"${path}" names a folder, expected a file. Folders are made with their files.`);
    const before = await sandbox.stat(path);
    if (before !== null && before.type !== 'file') return explainNoFile(before);
    await sandbox.write(path, content);
    const bytes = Buffer.byteLength(content);
    const lines = splitLines(content).length;
    const size = `${bytes} bytes, ${lines} ${lines === 1 ? 'line' : 'lines'}`;
    return {
      kind: 'done',
      content:
        before === null
          ? `Created ${quoteName(path)} (${size}).`
          : `Replaced ${quoteName(path)} (${size}; it had ${before.bytes} bytes).`,
      isError: false,
      facts: { path, bytes, created: before === null },
    };
  },
});
