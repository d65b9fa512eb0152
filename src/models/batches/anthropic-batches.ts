import { z } from 'zod';
import type { ProviderAnswer } from '../../core/model-batch.ts';
import type { BatchFound, BatchOrder, BatchSearch, BatchSubmission } from '../model.ts';
import { askJson, type BatchEndpoint, readLines } from './batch-http.ts';
import type { BatchProtocol } from './batch-protocol.ts';
import { failedSubmission } from './failed-submission.ts';

const PATH = '/messages/batches';
const PAGE = 100;
/** The provider's clock and the database's may differ so much. */
const SKEW_MS = 300_000;

const batch = z.looseObject({
  id: z.string(),
  processing_status: z.string(),
  created_at: z.string(),
  request_counts: z.record(z.string(), z.number()),
});
type Batch = z.infer<typeof batch>;

const page = z.looseObject({ data: z.array(batch), has_more: z.boolean(), last_id: z.string().nullish() });

const line = z.looseObject({
  custom_id: z.string(),
  result: z.looseObject({ type: z.string(), message: z.unknown().optional(), error: z.unknown().optional() }),
});

const errorKind = z.looseObject({ error: z.looseObject({ type: z.string() }) });

/** The statuses that these errors have when a call gets them by itself (https://platform.claude.com/docs/en/api/errors). */
const STATUSES: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** Anthropic's Message Batches API. */
export const anthropicBatches = (endpoint: BatchEndpoint): BatchProtocol => ({
  submit: async (order, signal) => await submit(endpoint, order, signal),
  find: async (order, search) => await find(endpoint, order, search),
  async poll(providerId, signal) {
    const path = `${PATH}/${encodeURIComponent(providerId)}`;
    const { processing_status: status } = await askJson(endpoint, { path, signal, answer: batch });
    return status === 'ended' ? { kind: 'ended', error: null } : { kind: 'pending' };
  },
  async *results(providerId, signal) {
    for await (const { custom_id: id, result } of readResults(endpoint, providerId, signal)) {
      yield { id, answer: toAnswer(result) };
    }
  },
});

const toAnswer = ({ type, message, error }: z.infer<typeof line>['result']): ProviderAnswer | null => {
  if (type === 'succeeded') return { status: 200, body: JSON.stringify(message) };
  if (type !== 'errored') return null;
  const kind = errorKind.safeParse(error).data?.error.type ?? '';
  return { status: STATUSES[kind] ?? 500, body: JSON.stringify(error ?? null) };
};

const readResults = (endpoint: BatchEndpoint, providerId: string, signal: AbortSignal) =>
  readLines(endpoint, { path: `${PATH}/${encodeURIComponent(providerId)}/results`, signal, answer: line });

const submit = async (endpoint: BatchEndpoint, order: BatchOrder, signal: AbortSignal): Promise<BatchSubmission> => {
  const requests = order.requests.map(({ id, body }) => `{"custom_id":${JSON.stringify(id)},"params":${body}}`);
  const beta = order.requests[0]?.variant ?? '';
  const headers = beta === '' ? {} : { 'anthropic-beta': beta };
  try {
    const body = `{"requests":[${requests.join(',')}]}`;
    const made = await askJson(endpoint, { path: PATH, body, headers, signal, answer: batch });
    return { kind: 'submitted', providerId: made.id };
  } catch (error) {
    return failedSubmission(error);
  }
};

/**
 * Anthropic's batches carry no mark, and tell the ids of their requests only with the results. So a batch that may be ours
 * (its time and size fit, and nobody knows it) is waited for until it has some.
 */
const find = async (
  endpoint: BatchEndpoint,
  order: BatchOrder,
  { since, known, signal }: BatchSearch,
): Promise<{ readonly kind: 'absent' | 'unsure' } | BatchFound> => {
  const ids = new Set(order.requests.map(({ id }) => id));
  const candidates = (await listSince(endpoint, since, signal)).filter((one) => sizeOf(one) === ids.size);
  const taken = await known(candidates.map(({ id }) => id));
  let isUnsure = false;
  for (const { id, processing_status: status } of candidates) {
    if (taken.has(id)) continue;
    if (status !== 'ended') isUnsure = true;
    else if (await isOurs(endpoint, { id, ids, signal })) return { kind: 'found', providerId: id };
  }
  return { kind: isUnsure ? 'unsure' : 'absent' };
};

const sizeOf = ({ request_counts: counts }: Batch): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

const isOurs = async (
  endpoint: BatchEndpoint,
  { id, ids, signal }: { readonly id: string; readonly ids: ReadonlySet<string>; readonly signal: AbortSignal },
): Promise<boolean> => {
  for await (const { custom_id: customId } of readResults(endpoint, id, signal)) return ids.has(customId);
  return false;
};

/** Newest first, as far back as it can have been made. */
const listSince = async (endpoint: BatchEndpoint, since: Date, signal: AbortSignal): Promise<readonly Batch[]> => {
  const earliest = since.getTime() - SKEW_MS;
  const batches: Batch[] = [];
  let after = '';
  for (;;) {
    const found = await askJson(endpoint, { path: `${PATH}?limit=${PAGE}${after}`, signal, answer: page });
    batches.push(...found.data.filter(({ created_at: at }) => Date.parse(at) >= earliest));
    const oldest = found.data.at(-1);
    if (oldest === undefined || !found.has_more || Date.parse(oldest.created_at) < earliest) return batches;
    after = `&after_id=${encodeURIComponent(oldest.id)}`;
  }
};
