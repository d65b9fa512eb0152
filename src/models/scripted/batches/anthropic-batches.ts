import { z } from 'zod';
import { anthropicMessages } from '../anthropic-messages.ts';
import { parseBody } from '../parse-body.ts';
import { readBytes } from '../read-body.ts';
import { WireError } from '../wire-error.ts';
import type { BatchItemResult } from './answer-request.ts';
import { type BatchCall, type BatchReply, type BatchRoute, replyOf } from './batch-route.ts';
import type { ScriptedBatch } from './scripted-batches.ts';

const MAX_BYTES = 256 * 1024 * 1024;
const WINDOW_MS = 24 * 60 * 60 * 1000;

const newBatch = z.looseObject({
  requests: z
    .array(z.strictObject({ custom_id: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/), params: z.looseObject({}) }))
    .min(1)
    .max(100_000),
});

const create = async (call: BatchCall): Promise<BatchReply> => {
  const { request, batches } = call;
  if (request.headers['anthropic-version'] === undefined) {
    throw new WireError(400, 'anthropic-version: header is required');
  }
  const { requests } = parseBody(newBatch, parseJson(await readBytes(request, MAX_BYTES)));
  const ids = requests.map((one) => one.custom_id);
  const repeated = ids.find((id, index) => ids.indexOf(id) < index);
  if (repeated !== undefined) throw new WireError(400, `requests: custom_id "${repeated}" is not unique`);
  const fault = batches.nextFault();
  if (fault?.status !== undefined) throw refusal(fault.status, fault);
  const items = requests.map(({ custom_id: customId, params }) => ({ customId, body: params }));
  const hadKey = anthropicMessages.keyOf(request.headers) !== null;
  const { headers } = request;
  const parts = { format: anthropicMessages, idPrefix: 'msgbatch_', items, headers, facts: {}, invalid: null, fault };
  const batch = batches.start(parts, hadKey);
  return replyOf(fault, batchOf(batch, call));
};

const parseJson = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new WireError(400, 'The request body is not valid JSON');
  }
};

const refusal = (
  status: number,
  {
    message,
    retryAfterSeconds,
  }: { readonly message?: string | undefined; readonly retryAfterSeconds?: number | undefined },
): WireError =>
  new WireError(status, message ?? `Scripted fault ${status}.`, { retryAfterSeconds: retryAfterSeconds ?? null });

const find = ({ batches, id }: BatchCall): ScriptedBatch => {
  const batch = batches.get(id);
  if (batch === undefined || batch.format !== anthropicMessages)
    throw new WireError(404, `No batch found with ID "${id}"`);
  return batch;
};

const list = (call: BatchCall): BatchReply => {
  const all = call.batches.list(anthropicMessages);
  const after = call.query.get('after_id');
  const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const limit = Number(call.query.get('limit') ?? 20);
  const page = all.slice(from, from + limit);
  return {
    json: {
      data: page.map((batch) => batchOf(batch, call)),
      has_more: from + limit < all.length,
      first_id: page[0]?.id ?? null,
      last_id: page.at(-1)?.id ?? null,
    },
  };
};

const results = (call: BatchCall): BatchReply => {
  const batch = find(call);
  if (batch.endedAt === null) throw new WireError(404, `Batch "${batch.id}" has no available results.`);
  // In no order that a client may rely on.
  const lines = [...batch.results].toReversed().map(([custom_id, result]) => ({ custom_id, result: resultOf(result) }));
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return { text, contentType: 'application/x-jsonl' };
};

const resultOf = (result: BatchItemResult): unknown => {
  if (result.kind !== 'answered') return { type: result.kind };
  return result.status === 200 ? { type: 'succeeded', message: result.body } : { type: 'errored', error: result.body };
};

const remove = (call: BatchCall): BatchReply => {
  const batch = find(call);
  if (batch.endedAt === null) throw new WireError(400, `Batch "${batch.id}" is still in progress; cancel it first.`);
  call.batches.delete(batch.id);
  return { json: { id: batch.id, type: 'message_batch_deleted' } };
};

const batchOf = (batch: ScriptedBatch, { request }: BatchCall): unknown => {
  const kinds = [...batch.results.values()].map((result) =>
    result.kind !== 'answered' ? result.kind : result.status === 200 ? 'succeeded' : 'errored',
  );
  const count = (kind: (typeof kinds)[number]): number => kinds.filter((one) => one === kind).length;
  const hasEnded = batch.endedAt !== null;
  return {
    id: batch.id,
    type: 'message_batch',
    processing_status: hasEnded ? 'ended' : batch.state === 'canceling' ? 'canceling' : 'in_progress',
    request_counts: {
      processing: hasEnded ? 0 : batch.items.length,
      succeeded: count('succeeded'),
      errored: count('errored'),
      canceled: count('canceled'),
      expired: count('expired'),
    },
    ended_at: batch.endedAt?.toISOString() ?? null,
    created_at: batch.createdAt.toISOString(),
    expires_at: new Date(batch.createdAt.getTime() + WINDOW_MS).toISOString(),
    archived_at: null,
    cancel_initiated_at: batch.cancelAt?.toISOString() ?? null,
    results_url: hasEnded ? `http://${request.headers.host}/v1/messages/batches/${batch.id}/results` : null,
  };
};

const route = (method: BatchRoute['method'], path: RegExp, answer: BatchRoute['answer']): BatchRoute => ({
  method,
  path,
  format: anthropicMessages,
  answer,
});

/** Anthropic's Message Batches API. */
export const ANTHROPIC_BATCH_ROUTES: readonly BatchRoute[] = [
  route('POST', /^\/messages\/batches$/, create),
  route('GET', /^\/messages\/batches$/, list),
  route('GET', /^\/messages\/batches\/([^/]+)$/, (call) => ({ json: batchOf(find(call), call) })),
  route('GET', /^\/messages\/batches\/([^/]+)\/results$/, results),
  route('POST', /^\/messages\/batches\/([^/]+)\/cancel$/, (call) => {
    const batch = find(call);
    return { json: batchOf(call.batches.cancel(batch.id) ?? batch, call) };
  }),
  route('DELETE', /^\/messages\/batches\/([^/]+)$/, remove),
];
