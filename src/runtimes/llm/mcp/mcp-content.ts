import type { CallToolResult } from '@ai-sdk/mcp';
import { TOOL_RESULT_CHARACTERS, type ToolCallContext, type ToolContent, type ToolResult } from '../tool.ts';

const MAX_FILE_CHARACTERS = 7 * 1024 * 1024;
const NOTE_ROOM = 200;

type Part = Readonly<Record<string, unknown>> & { readonly type: string };

/** Turns what an MCP tool answered into what the model gets to read. Files that its model does not take are named instead. */
export const translateMcpResult = (answer: CallToolResult, call: Pick<ToolCallContext, 'modelAccepts'>): ToolResult => {
  const parts: readonly ToolContent[] = readParts(answer).map((part) => translatePart(part, call));
  const structured = answer['structuredContent'];
  const content =
    parts.length === 0 && structured !== undefined && structured !== null ? [text(JSON.stringify(structured))] : parts;
  return {
    kind: 'done',
    content: content.length === 0 ? '(The tool answered with nothing.)' : cutText(content),
    isError: answer['isError'] === true,
  };
};

/** The client has parsed every part down to an object with a type. */
const readParts = (answer: CallToolResult): readonly Part[] => {
  const content: unknown = answer['content'];
  return Array.isArray(content) ? (content as readonly Part[]) : [];
};

const translatePart = (part: Part, call: Pick<ToolCallContext, 'modelAccepts'>): ToolContent => {
  switch (part.type) {
    case 'text':
      return text(String(part['text']));
    case 'image':
    case 'audio':
      return file(readText(part['mimeType']), readText(part['data']), part.type, call);
    case 'resource':
      return translateResource(part['resource'], call);
    case 'resource_link':
      return text(['Resource', part['name'], part['uri'], part['description']].filter(isText).join(' '));
    default:
      return text(JSON.stringify(part));
  }
};

const translateResource = (resource: unknown, call: Pick<ToolCallContext, 'modelAccepts'>): ToolContent => {
  const { uri, mimeType, text: content, blob } = Object(resource) as Readonly<Record<string, unknown>>;
  if (isText(content)) return text(`Resource ${readText(uri)}:\n${content}`);
  return file(readText(mimeType), readText(blob), `resource ${readText(uri)}`, call);
};

const file = (
  mediaType: string,
  data: string,
  what: string,
  call: Pick<ToolCallContext, 'modelAccepts'>,
): ToolContent => {
  const type = mediaType === '' ? 'application/octet-stream' : mediaType;
  const bytes = Math.floor((data.length * 3) / 4);
  if (data.length <= MAX_FILE_CHARACTERS && call.modelAccepts(type)) return { type: 'file', mediaType: type, data };
  return text(`(The tool answered with ${what} of the type ${type}, ${bytes} bytes, which you cannot be shown.)`);
};

/** All text parts together stay within what a result may hold. */
const cutText = (parts: readonly ToolContent[]): readonly ToolContent[] => {
  let left = TOOL_RESULT_CHARACTERS - NOTE_ROOM;
  const kept: ToolContent[] = [];
  for (const part of parts) {
    if (part.type === 'file') {
      kept.push(part);
    } else if (left > 0) {
      kept.push(part.text.length <= left ? part : text(cutNote(part.text, left)));
      left -= part.text.length;
    }
  }
  return kept;
};

const cutNote = (content: string, characters: number): string =>
  `${content.slice(0, characters)}\n(Cut: the answer was longer than ${TOOL_RESULT_CHARACTERS} characters. Ask the tool for less at a time.)`;

const text = (content: string): ToolContent => ({ type: 'text', text: content });
const isText = (value: unknown): value is string => typeof value === 'string';
const readText = (value: unknown): string => (isText(value) ? value : '');
