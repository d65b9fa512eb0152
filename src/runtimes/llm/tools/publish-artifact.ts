import { z } from 'zod';
import type { RuntimeSandbox } from '../../runtime.ts';
import { defineTool, explainToModel, failed } from '../define-tool.ts';
import type { Tool, ToolCallContext, ToolResult } from '../tool.ts';
import { explainMissing, explainNoFile, quoteName } from './explain-entry.ts';

const MAX_PATHS = 50;

const input = z.strictObject({
  path: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(MAX_PATHS)])
    .describe(`File to publish, or up to ${MAX_PATHS} of them.`),
});

interface Published {
  readonly path: string;
  readonly isPublished: boolean;
  readonly sentence: string;
}

/** Gives files of the workspace to the user while the job goes on. */
export const publishTool: Tool = defineTool({
  name: 'publish',
  description:
    'Makes files of the workspace available to the user for download now, as they are at this moment. Publish again after a change.',
  input,
  isRepeatable: true,
  run: async ({ path }, call) => {
    const sandbox = await call.openSandbox();
    const outcomes: Published[] = [];
    for (const one of typeof path === 'string' ? [path] : new Set(path)) {
      call.signal.throwIfAborted();
      outcomes.push(await publishOne(sandbox, one, call));
    }
    const published = outcomes.filter((outcome) => outcome.isPublished);
    return {
      kind: 'done',
      content: outcomes.map(({ sentence }) => sentence).join('\n'),
      isError: published.length < outcomes.length,
      facts: { paths: published.map((outcome) => outcome.path) },
    };
  },
});

/** One path that is refused does not hide what became of the others. */
const publishOne = async (sandbox: RuntimeSandbox, path: string, call: ToolCallContext): Promise<Published> => {
  const result = await publishFile(sandbox, path, call).catch((error: unknown) => {
    call.signal.throwIfAborted();
    const message = explainToModel(error);
    if (message === null) throw error;
    return failed(message);
  });
  if (!('kind' in result)) return result;
  return { path, isPublished: false, sentence: textOf(result) };
};

const publishFile = async (
  sandbox: RuntimeSandbox,
  path: string,
  call: ToolCallContext,
): Promise<Published | ToolResult> => {
  const entry = await sandbox.stat(path);
  if (entry === null) return await explainMissing(sandbox, path);
  if (entry.type !== 'file') return explainNoFile(entry);
  const name = quoteName(entry.path);
  const artifact = await call.services.publish(entry.path);
  if (artifact === null) {
    return failed(
      `${name} could not be published: it is too large, has a name that no URL can hold, or has changed meanwhile.`,
    );
  }
  const type = artifact.contentType === null ? '' : `, ${artifact.contentType}`;
  const sentence = `Published ${name} (${artifact.sizeBytes} bytes${type}). The user can fetch it now.`;
  return { path: entry.path, isPublished: true, sentence };
};

const textOf = (result: ToolResult): string =>
  result.kind === 'done' && typeof result.content === 'string' ? result.content : '';
