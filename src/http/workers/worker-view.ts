import { posix } from 'node:path';
import type { WorkerView } from '../../actions/read-worker.ts';
import { artifactContentType } from '../../core/artifact-download.ts';
import { isTerminal } from '../../core/job.ts';
import type { ContentBlock } from '../../core/journal.ts';
import type { WorkerEvent } from '../../core/worker.ts';
import { toDollars } from '../dollars.ts';
import { cancelReason } from './end-reason.ts';
import { type PageSource, sourcesOf } from './page-source.ts';
import { toUiMessages } from './worker-messages.ts';
import { fileUrl } from './worker-url.ts';

type Json = Readonly<Record<string, unknown>>;

/** Worker (section 5): no key outside the contract's table. */
export const toWorker = (view: WorkerView, base: string): Json => {
  const { worker, session, newestJob, activity } = view;
  const toFileUrl = (path: string): string => fileUrl(base, worker.id, path);
  const newest = view.events.filter(({ jobId }) => jobId === newestJob.id);
  const output = toOutput(newest);
  return {
    id: worker.id,
    object: 'worker',
    created_at: Math.floor(session.createdAt.getTime() / 1_000),
    status: isTerminal(newestJob.state) ? 'completed' : 'running',
    running: !isTerminal(newestJob.state) || activity.isBusy,
    error: null,
    incomplete_details: null,
    messages: toUiMessages(view, { workerId: worker.id, fileUrl: toFileUrl }),
    metadata: toMetadata(view, newest),
    output,
    output_text: output.flatMap(({ content }) => content.map(({ text }) => text)).join('\n\n'),
    sources: toSources(newest),
    files: view.files.map(({ path }) => ({
      filename: posix.basename(path),
      mediaType: artifactContentType(path) ?? 'application/octet-stream',
      url: toFileUrl(path),
    })),
    ...toFigures(view),
  };
};

interface OutputMessage {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'assistant';
  readonly status: 'completed';
  readonly content: readonly { readonly type: 'output_text'; readonly text: string }[];
}

const toOutput = (events: readonly WorkerEvent[]): readonly OutputMessage[] =>
  events.flatMap(({ type, message, messageId, seq }): OutputMessage[] => {
    if (type !== 'message.created' || message?.role !== 'assistant') return [];
    const texts = (message.content as readonly ContentBlock[]).flatMap((block) =>
      block.type === 'text' && block.text !== '' ? [block.text] : [],
    );
    if (texts.length === 0) return [];
    const content = texts.map((text) => ({ type: 'output_text', text }) as const);
    return [{ id: messageId ?? `msg_${seq}`, type: 'message', role: 'assistant', status: 'completed', content }];
  });

/** Each page once, in the order in which it was used first. */
const toSources = (events: readonly WorkerEvent[]): readonly Json[] => {
  const pages = new Map<string, PageSource>();
  for (const { data } of events) for (const page of sourcesOf(data)) if (!pages.has(page.id)) pages.set(page.id, page);
  return [...pages.values()].map(({ id, url, title }) => ({ id, type: 'url', url, title }));
};

const toMetadata = (view: WorkerView, events: readonly WorkerEvent[]): Json => {
  const { worker, newestJob: job, activity, usage } = view;
  const canceled = events.find(({ type }) => type === 'job.canceled');
  const structured = job.state === 'complete' ? job.outcome?.structuredOutput : undefined;
  return {
    job_id: job.id,
    job_status: job.state,
    ...(job.state === 'failed' ? { error: job.error ?? 'The turn failed' } : {}),
    ...(job.state === 'canceled' ? { error: canceled ? cancelReason(canceled) : 'Canceled' } : {}),
    budget: activity.budget ?? 'standard',
    ...(worker.title === null ? {} : { title: worker.title }),
    ...(worker.summary === '' ? {} : { summary: worker.summary }),
    ...(usage.hasUnknownCost ? { cost_unknown: true } : {}),
    ...(structured === undefined ? {} : { structured_output: structured }),
  };
};

/** `usage` and `costs`, from the first model call on. The parts are rounded so that their sum is exactly the whole. */
const toFigures = ({ usage }: WorkerView): Json => {
  if (usage.modelCalls === 0) return {};
  const internalCostUsd = toDollars(usage.internalCostMicros) ?? 0;
  const modelCostUsd = toDollars(usage.costMicros - usage.internalCostMicros) ?? 0;
  return {
    usage: {
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      cacheReadTokens: usage.cacheReadTokens,
      cacheWriteTokens: usage.cacheWriteTokens,
      reasoningTokens: usage.reasoningTokens,
      totalTokens: usage.inputTokens + usage.outputTokens,
      steps: usage.modelCalls,
      costUsd: modelCostUsd + internalCostUsd,
    },
    costs: { modelCostUsd, toolCostUsd: 0, sandboxCostUsd: 0, internalCostUsd },
  };
};
