import { z } from 'zod';
import { newId } from '../new-id.ts';
import { openaiChat } from '../openai-chat.ts';
import { openaiResponses } from '../openai-responses.ts';
import { parseBody } from '../parse-body.ts';
import { readBody } from '../read-body.ts';
import { WireError } from '../wire-error.ts';
import type { BatchItemResult } from './answer-request.ts';
import { type BatchCall, type BatchReply, type BatchRoute, replyOf } from './batch-route.ts';
import { fileView, readUpload, type ScriptedFiles } from './openai-files.ts';
import type { BatchItem, ScriptedBatch } from './scripted-batches.ts';

const WINDOW_SECONDS = 24 * 60 * 60;
const MOST_REQUESTS = 50_000;
const FORMATS = { '/v1/responses': openaiResponses, '/v1/chat/completions': openaiChat } as const;

const newBatch = z.looseObject({
  input_file_id: z.string(),
  endpoint: z.enum(['/v1/responses', '/v1/chat/completions']),
  completion_window: z.literal('24h'),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
});

const inputLine = z.looseObject({
  custom_id: z.string(),
  method: z.literal('POST'),
  url: z.string(),
  body: z.looseObject({ model: z.string() }),
});

const create =
  (files: ScriptedFiles) =>
  async (call: BatchCall): Promise<BatchReply> => {
    const { request, batches } = call;
    const wanted = parseBody(newBatch, await readBody(request));
    const file = files.get(wanted.input_file_id);
    if (file.purpose !== 'batch')
      throw new WireError(400, `File ${file.id} has the purpose "${file.purpose}", not "batch".`);
    const fault = batches.nextFault();
    if (fault?.status !== undefined) {
      const { retryAfterSeconds = null, message = `Scripted fault ${fault.status}.` } = fault;
      throw new WireError(fault.status, message, { retryAfterSeconds });
    }
    const input = readInput(file.content, wanted.endpoint);
    const { input_file_id, endpoint, completion_window, metadata = null } = wanted;
    const batch = batches.start(
      {
        format: FORMATS[endpoint],
        idPrefix: 'batch_',
        items: input.items,
        headers: request.headers,
        facts: { input_file_id, endpoint, completion_window, metadata },
        invalid: input.fault,
        fault,
      },
      openaiResponses.keyOf(request.headers) !== null,
    );
    return replyOf(fault, batchOf(batch, files, 'validating'));
  };

/** OpenAI looks at the file after it has taken the batch, so a faulty one makes a batch that fails. */
const readInput = (
  content: string,
  endpoint: string,
): { readonly items: readonly BatchItem[]; readonly fault: string | null } => {
  const items: BatchItem[] = [];
  const ids = new Set<string>();
  let model: string | null = null;
  for (const [index, text] of content.split('\n').entries()) {
    if (text === '') continue;
    const line = readLine(text);
    const at = `line ${index + 1}`;
    if (line === null) return { items: [], fault: `This line is not parseable as valid JSON of a request (${at}).` };
    model ??= line.body.model;
    if (ids.has(line.custom_id))
      return { items: [], fault: `The custom_id "${line.custom_id}" is a duplicate (${at}).` };
    if (line.url !== endpoint)
      return { items: [], fault: `The URL "${line.url}" does not match the endpoint (${at}).` };
    if (line.body.model !== model) {
      return {
        items: [],
        fault: `The model "${line.body.model}" does not match the other requests' "${model}" (${at}).`,
      };
    }
    ids.add(line.custom_id);
    items.push({ customId: line.custom_id, body: line.body });
  }
  if (items.length === 0) return { items, fault: 'The input file is empty.' };
  return { items, fault: items.length > MOST_REQUESTS ? 'The batch has too many requests.' : null };
};

const readLine = (text: string): z.infer<typeof inputLine> | null => {
  try {
    return inputLine.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
};

const isOpenai = (batch: ScriptedBatch): boolean => batch.idPrefix === 'batch_';

const find = ({ batches, id }: BatchCall): ScriptedBatch => {
  const batch = batches.get(id);
  if (batch === undefined || !isOpenai(batch)) {
    throw new WireError(404, `No batch found with id '${id}'.`, { code: 'not_found' });
  }
  return batch;
};

const list =
  (files: ScriptedFiles) =>
  (call: BatchCall): BatchReply => {
    const all = [...call.batches.list(openaiResponses), ...call.batches.list(openaiChat)];
    const after = call.query.get('after');
    const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const limit = Number(call.query.get('limit') ?? 20);
    const page = all.slice(from, from + limit);
    return {
      json: {
        object: 'list',
        data: page.map((batch) => batchOf(batch, files)),
        first_id: page[0]?.id ?? null,
        last_id: page.at(-1)?.id ?? null,
        has_more: from + limit < all.length,
      },
    };
  };

const seconds = (date: Date | null): number | null => date && Math.floor(date.getTime() / 1000);

const statusOf = (batch: ScriptedBatch): string => {
  if (batch.state === 'failed') return 'failed';
  if (batch.endedAt === null) return batch.state === 'canceling' ? 'cancelling' : 'in_progress';
  if (batch.isExpired) return 'expired';
  return batch.cancelAt === null ? 'completed' : 'cancelled';
};

const batchOf = (batch: ScriptedBatch, files: ScriptedFiles, status = statusOf(batch)): unknown => {
  const hasResults = batch.state === 'ended';
  const output = hasResults ? fileOf(batch, files, 'output') : null;
  const errors = hasResults ? fileOf(batch, files, 'error') : null;
  const created = seconds(batch.createdAt) ?? 0;
  const endedAt = seconds(batch.endedAt);
  const answered = [...batch.results.values()].filter((result) => isSuccess(result)).length;
  return {
    id: batch.id,
    object: 'batch',
    ...batch.facts,
    errors:
      batch.error === null
        ? null
        : { object: 'list', data: [{ code: 'invalid_input', message: batch.error, param: null, line: null }] },
    status,
    output_file_id: output,
    error_file_id: errors,
    created_at: created,
    in_progress_at: created,
    expires_at: created + WINDOW_SECONDS,
    finalizing_at: null,
    completed_at: status === 'completed' ? endedAt : null,
    failed_at: status === 'failed' ? endedAt : null,
    expired_at: status === 'expired' ? endedAt : null,
    cancelling_at: seconds(batch.cancelAt),
    cancelled_at: status === 'cancelled' ? endedAt : null,
    request_counts: {
      total: batch.items.length,
      completed: hasResults ? answered : 0,
      failed: hasResults ? batch.results.size - answered : 0,
    },
  };
};

const isSuccess = (result: BatchItemResult): boolean => result.kind === 'answered' && result.status < 300;

/** The id of a file with the lines that belong there, made when it is first asked for; null when there are none. */
const fileOf = (batch: ScriptedBatch, files: ScriptedFiles, kind: 'output' | 'error'): string | null => {
  const lines = [...batch.results].filter(([, result]) => isSuccess(result) === (kind === 'output'));
  if (lines.length === 0) return null;
  const content = lines.map(([custom_id, result]) => `${JSON.stringify(outputLine(custom_id, result))}\n`).join('');
  return files.of(`${batch.id}_${kind}`, { filename: `${batch.id}_${kind}.jsonl`, purpose: 'batch_output', content })
    .id;
};

const EXPIRED = 'This request could not be executed before the completion window expired.';

const outputLine = (custom_id: string, result: BatchItemResult): unknown => {
  const id = newId('batch_req_');
  if (result.kind === 'answered') {
    const response = { status_code: result.status, request_id: newId('req_'), body: result.body };
    return { id, custom_id, response, error: null };
  }
  const error =
    result.kind === 'expired'
      ? { code: 'batch_expired', message: EXPIRED }
      : { code: 'batch_cancelled', message: 'This request was cancelled.' };
  return { id, custom_id, response: null, error };
};

/** OpenAI's Batch API with the files that it needs. */
export const openaiBatchRoutes = (files: ScriptedFiles): readonly BatchRoute[] => {
  const route = (method: BatchRoute['method'], path: RegExp, answer: BatchRoute['answer']): BatchRoute => ({
    method,
    path,
    format: openaiResponses,
    answer,
  });
  return [
    route('POST', /^\/files$/, async ({ request }) => ({ json: fileView(files.add(await readUpload(request))) })),
    route('GET', /^\/files\/([^/]+)$/, ({ id }) => ({ json: fileView(files.get(id)) })),
    route('GET', /^\/files\/([^/]+)\/content$/, ({ id }) => ({
      text: files.get(id).content,
      contentType: 'application/octet-stream',
    })),
    route('DELETE', /^\/files\/([^/]+)$/, ({ id }) => {
      files.delete(files.get(id).id);
      return { json: { id, object: 'file', deleted: true } };
    }),
    route('POST', /^\/batches$/, create(files)),
    route('GET', /^\/batches$/, list(files)),
    route('GET', /^\/batches\/([^/]+)$/, (call) => ({ json: batchOf(find(call), files) })),
    route('POST', /^\/batches\/([^/]+)\/cancel$/, (call) => {
      const batch = find(call);
      return { json: batchOf(call.batches.cancel(batch.id) ?? batch, files) };
    }),
  ];
};
