import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { BatchFound, BatchOrder, BatchSearch, BatchSubmission } from '../model.ts';
import { askJson, type BatchEndpoint, BatchHttpError, readLines } from './batch-http.ts';
import type { BatchProtocol } from './batch-protocol.ts';
import { failedSubmission } from './failed-submission.ts';

const PATH = '/v1/responses';
/** Where a batch of ours says which of ours it is. */
const MARK = 'kazi_batch';
/** A node may be down for days, and what is paid must not be lost; longer, nothing has to be kept. */
const KEEP_SECONDS = String(7 * 24 * 60 * 60);
const PAGE = 100;
/** The provider's clock and the database's may differ so much. */
const SKEW_MS = 300_000;

const batch = z.looseObject({
  id: z.string(),
  status: z.string(),
  created_at: z.number(),
  metadata: z.record(z.string(), z.string()).nullish(),
  output_file_id: z.string().nullish(),
  error_file_id: z.string().nullish(),
  errors: z.looseObject({ data: z.array(z.looseObject({ message: z.string().nullish() })).nullish() }).nullish(),
});

const page = z.looseObject({ data: z.array(batch), has_more: z.boolean(), last_id: z.string().nullish() });

const line = z.looseObject({
  custom_id: z.string(),
  response: z.looseObject({ status_code: z.int(), body: z.unknown() }).nullish(),
  error: z.looseObject({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
});

/** OpenAI's Batch API, for requests of its Responses. */
export const openaiBatches = (endpoint: BatchEndpoint): BatchProtocol => ({
  submit: async (order, signal) => await submit(endpoint, order, signal),
  find: async (order, search) => await find(endpoint, order, search),
  async poll(providerId, signal) {
    const { status, errors } = await read(endpoint, providerId, signal);
    if (['completed', 'expired', 'cancelled'].includes(status)) return { kind: 'ended', error: null };
    if (status !== 'failed') return { kind: 'pending' };
    return { kind: 'ended', error: errors?.data?.[0]?.message ?? 'the batch failed' };
  },
  async *results(providerId, signal) {
    const { output_file_id: output, error_file_id: failed } = await read(endpoint, providerId, signal);
    for (const file of [output, failed]) {
      if (!file) continue;
      const path = `/files/${encodeURIComponent(file)}/content`;
      for await (const { custom_id: id, response, error } of readLines(endpoint, { path, signal, answer: line })) {
        yield { id, answer: response ? toAnswer(response) : errorAnswer(error) };
      }
    }
  },
});

const toAnswer = ({ status_code: status, body }: { readonly status_code: number; readonly body?: unknown }) => ({
  status,
  body: JSON.stringify(body ?? null),
});

/** Expiry and cancel are no answers; other errors without one count as the provider's. */
const errorAnswer = (error: z.infer<typeof line>['error']): ReturnType<typeof toAnswer> | null => {
  const code = error?.code ?? '';
  if (code === 'batch_expired' || code === 'batch_cancelled') return null;
  return toAnswer({ status_code: 500, body: { error: { message: error?.message ?? 'no answer', code } } });
};

const submit = async (endpoint: BatchEndpoint, order: BatchOrder, signal: AbortSignal): Promise<BatchSubmission> => {
  let fileId: string;
  try {
    fileId = await upload(endpoint, order, signal);
  } catch (error) {
    const failed = failedSubmission(error);
    if (failed.kind !== 'unknown') return failed;
    // A file alone costs nothing and does nothing: without its batch, nothing was handed in.
    const answer = { status: 503, body: JSON.stringify({ error: { message: failed.reason } }) };
    return { kind: 'refused', answer, retryAfterMs: error instanceof BatchHttpError ? error.retryAfterMs : null };
  }
  try {
    const body = JSON.stringify({
      input_file_id: fileId,
      endpoint: PATH,
      completion_window: '24h',
      metadata: { [MARK]: order.id },
      output_expires_after: { anchor: 'created_at', seconds: Number(KEEP_SECONDS) },
    });
    const made = await askJson(endpoint, { path: '/batches', body, signal, answer: batch });
    return { kind: 'submitted', providerId: made.id };
  } catch (error) {
    return failedSubmission(error);
  }
};

const upload = async (endpoint: BatchEndpoint, order: BatchOrder, signal: AbortSignal): Promise<string> => {
  const boundary = `kazi-${randomUUID()}`;
  const part = (header: string, content: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; ${header}\r\n\r\n${content}\r\n`;
  const lines = order.requests.map(
    ({ id, body }) => `{"custom_id":${JSON.stringify(id)},"method":"POST","url":"${PATH}","body":${body}}\n`,
  );
  const body = [
    part('name="purpose"', 'batch'),
    part('name="expires_after[anchor]"', 'created_at'),
    part('name="expires_after[seconds]"', KEEP_SECONDS),
    part(`name="file"; filename="kazi-${order.id}.jsonl"\r\nContent-Type: application/jsonl`, lines.join('')),
    `--${boundary}--\r\n`,
  ].join('');
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
  const answer = z.looseObject({ id: z.string() });
  return (await askJson(endpoint, { path: '/files', body, headers, signal, answer })).id;
};

const read = async (endpoint: BatchEndpoint, providerId: string, signal: AbortSignal): Promise<z.infer<typeof batch>> =>
  await askJson(endpoint, { path: `/batches/${encodeURIComponent(providerId)}`, signal, answer: batch });

/** Newest first, as far back as it can have been made; ours are marked. */
const find = async (
  endpoint: BatchEndpoint,
  order: BatchOrder,
  { since, signal }: BatchSearch,
): Promise<{ readonly kind: 'absent' } | BatchFound> => {
  let after = '';
  for (;;) {
    const path = `/batches?limit=${PAGE}${after}`;
    const found = await askJson(endpoint, { path, signal, answer: page });
    const ours = found.data.find(({ metadata }) => metadata?.[MARK] === order.id);
    if (ours !== undefined) return { kind: 'found', providerId: ours.id };
    const oldest = found.data.at(-1);
    const isOver = oldest === undefined || oldest.created_at * 1_000 < since.getTime() - SKEW_MS;
    if (isOver || !found.has_more) return { kind: 'absent' };
    after = `&after=${encodeURIComponent(oldest.id)}`;
  }
};
