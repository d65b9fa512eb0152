import { z } from 'zod';
import { isKaziError } from '../../../core/errors.ts';
import { defineTool, failed } from '../define-tool.ts';
import { TOOL_RESULT_CHARACTERS, type ToolCallContext, type ToolResult } from '../tool.ts';
import { htmlToMarkdown } from './html-to-markdown.ts';
import { mediaTypeOf } from './media-type.ts';
import { declaredTypeOf, decodeText, readBody } from './read-answer.ts';

const TIMEOUT_MS = 30_000;
const MEBIBYTE = 1024 * 1024;
const MAX_BYTES = 5 * MEBIBYTE;
const MAX_HTML_CHARACTERS = 2 * MEBIBYTE;
const MAX_ERROR_BYTES = 64 * 1024;
const SHOWN_ERROR_CHARACTERS = 2_000;
const SHOWN_URL_CHARACTERS = 500;
/** The rest of a result is for the title, the URL and notes. */
const MAX_CHARACTERS = TOOL_RESULT_CHARACTERS - 1_500;
const HEADERS = {
  accept: 'text/markdown, text/html;q=0.9, text/plain;q=0.8, application/json;q=0.8, */*;q=0.5',
  'accept-language': 'en, *;q=0.5',
  'user-agent': 'Mozilla/5.0 (compatible; kazi)',
};

const input = z.object({
  url: z.string().describe('Absolute URL, beginning with https:// or http://'),
  max_characters: z
    .int()
    .min(1)
    .max(TOOL_RESULT_CHARACTERS)
    .optional()
    .describe(`Longest text to give; ${MAX_CHARACTERS} when absent, which is the most.`),
  offset: z
    .int()
    .min(0)
    .optional()
    .describe('Where in the text to begin, in characters: the way to read on in a long page.'),
});
type Input = z.infer<typeof input>;

/** `fetch_url`: reads a page or file of the web through the agent's egress policy. */
export const fetchUrlTool = defineTool({
  name: 'fetch_url',
  description:
    'Reads a web page or file by its URL (GET). HTML comes as Markdown, other text as it is; images and documents are shown when you can take them. A long text is cut, and the result says with which offset to read on. The network of the sandbox is separate: commands cannot fetch URLs.',
  input,
  isRepeatable: true,
  run: async (wanted, call) => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = AbortSignal.any([call.signal, timeout]);
    try {
      const { egress, egressPolicy: policy } = call;
      const response = await egress.fetch({ url: wanted.url, policy, headers: HEADERS, signal });
      return response.status >= 400 ? await readError(response) : await readPage(response, wanted, { ...call, signal });
    } catch (error) {
      call.signal.throwIfAborted();
      if (timeout.aborted)
        return failed(`Found no whole answer within ${TIMEOUT_MS / 1000} s from ${shorten(wanted.url)}.`);
      if (isKaziError(error, 'EGRESS_REFUSED')) return failed(error.message);
      return failed(`${shorten(wanted.url)} could not be fetched: ${explain(error)}`);
    }
  },
});

const readError = async (response: Response): Promise<ToolResult> => {
  const { bytes } = await readBody(response, MAX_ERROR_BYTES);
  const text = decodeText(bytes, response.headers.get('content-type') ?? '')
    ?.trim()
    .slice(0, SHOWN_ERROR_CHARACTERS);
  const status = `HTTP ${response.status} ${response.statusText}`.trim();
  const body = text === undefined || text === '' ? '' : ` The answer begins:\n${text}`;
  return failed(`${shorten(response.url)} answered with ${status}.${body}`, factsOf(response, bytes.length));
};

const readPage = async (response: Response, wanted: Input, call: ToolCallContext): Promise<ToolResult> => {
  const mediaType = declaredTypeOf(response);
  if (isBinary(mediaType) && !call.modelAccepts(mediaType)) {
    await response.body?.cancel();
    return failed(describeBinary(response, mediaType), factsOf(response, null));
  }
  const { bytes, isCut } = await readBody(response, MAX_BYTES);
  const facts = factsOf(response, bytes.length);
  // By its content: a file that is not what its server says would have the provider refuse the whole conversation.
  const fileType = mediaTypeOf('', bytes);
  if (fileType !== null) {
    if (isCut || !call.modelAccepts(fileType)) return failed(describeBinary(response, fileType), facts);
    const file = { type: 'file', mediaType: fileType, data: bytes.toString('base64') } as const;
    return { kind: 'done', content: [file], isError: false, facts, sources: [{ url: response.url, title: null }] };
  }
  const text = decodeText(bytes, response.headers.get('content-type') ?? '');
  if (text === null || isBinary(mediaType))
    return failed(describeBinary(response, mediaType || 'an unknown type'), facts);
  const notes = isCut ? [`Only the first ${MAX_BYTES / MEBIBYTE} MiB were read.`] : [];
  const page = isHtml(mediaType, text)
    ? await readHtml(text, response.url, call.signal)
    : { title: null, text, notes: [] };
  return {
    kind: 'done',
    content: present({ ...page, notes: [...notes, ...page.notes] }, response.url, wanted),
    isError: false,
    facts,
    sources: [{ url: response.url, title: page.title }],
  };
};

interface Page {
  readonly title: string | null;
  readonly text: string;
  readonly notes: readonly string[];
}

const readHtml = async (html: string, url: string, signal: AbortSignal): Promise<Page> => {
  const isCut = html.length > MAX_HTML_CHARACTERS;
  const page = await htmlToMarkdown({ html: html.slice(0, MAX_HTML_CHARACTERS), url, signal });
  const notes = isCut ? [`Only the first ${MAX_HTML_CHARACTERS / MEBIBYTE} Mi characters of HTML were converted.`] : [];
  if (page !== null) return { title: page.title, text: page.markdown, notes };
  return { title: null, text: html, notes: ['This is HTML: the page could not be converted to Markdown.'] };
};

const present = ({ title, text, notes }: Page, url: string, { offset = 0, max_characters }: Input): string => {
  const characters = Math.min(max_characters ?? MAX_CHARACTERS, MAX_CHARACTERS);
  const end = offset + characters;
  const isLast = end >= text.length;
  const position = `Characters ${offset} to ${Math.min(end, text.length)} of ${text.length}.`;
  const head = [
    ...(title === null ? [] : [`Title: ${title}`]),
    `URL: ${shorten(url)}`,
    ...notes.map((note) => `Note: ${note}`),
    ...(offset === 0 && isLast ? [] : [`Note: ${position}`]),
  ];
  const body = text.trim() === '' ? '(It has no text.)' : text.slice(offset, end);
  const more = isLast ? '' : `\n\n[Cut. ${position} Call fetch_url again with offset ${end} for more.]`;
  if (offset >= text.length && offset > 0) return `${head.join('\n')}\n\n[The text ends before offset ${offset}.]`;
  return `${head.join('\n')}\n\n${body}${more}`;
};

const isBinary = (mediaType: string): boolean =>
  /^(image|audio|video|font|model)\/(?!.*\+xml$)/.test(mediaType) ||
  /^application\/(pdf|zip|gzip|x-.*(compressed|tar|zip)|wasm|vnd\.(ms-|openxmlformats|oasis|rar).*|msword)$/.test(
    mediaType,
  );

const isHtml = (mediaType: string, text: string): boolean =>
  mediaType === 'text/html' ||
  mediaType === 'application/xhtml+xml' ||
  (mediaType === '' && /^\s*(<!doctype html|<html)/i.test(text.slice(0, 500)));

const describeBinary = (response: Response, mediaType: string): string => {
  const length = response.headers.get('content-length');
  const size = length === null ? 'of unknown size' : `of ${length} bytes`;
  return `${shorten(response.url)} is ${mediaType}, ${size}, which cannot be shown here: expected text, or an image or PDF of at most ${MAX_BYTES / MEBIBYTE} MiB that the model takes.`;
};

const factsOf = (response: Response, bytes: number | null): Readonly<Record<string, unknown>> => ({
  url: shorten(response.url),
  status: response.status,
  media_type: declaredTypeOf(response),
  ...(bytes === null ? {} : { bytes }),
});

const shorten = (url: string): string =>
  url.length > SHOWN_URL_CHARACTERS ? `${url.slice(0, SHOWN_URL_CHARACTERS)}…` : url;

/** fetch says "fetch failed" and puts what happened behind it. */
const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? explain(error.cause) : error.message || error.name;
};
