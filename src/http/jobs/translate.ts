import type { JobView } from '../../actions/read-job.ts';
import type { ArtifactEntry } from '../../core/artifact.ts';
import type { Job, WebhookStatus } from '../../core/job.ts';
import { hasEnded } from '../../core/job-end.ts';
import { toDollars } from '../dollars.ts';
import { toSeconds } from '../seconds.ts';
import { toQueryResponse } from './query-response.ts';

/** WebhookStatus of a job without a webhook. */
const NO_WEBHOOK = Object.freeze({
  url: null,
  secret_ref: null,
  attempts: null,
  last_status: null,
  last_error: null,
  delivered_at: null,
});

/** JobStatusResponse: every key is always there, null when unknown. */
export const toJobStatus = ({ job, messages, artifacts }: JobView): Readonly<Record<string, unknown>> => ({
  ok: true,
  job_id: job.id,
  status: job.state,
  question: job.question,
  session_id: job.sessionId,
  tenant_id: job.tenantId,
  user_id: job.userId,
  metadata: job.metadata,
  schedule_at: toSeconds(job.scheduleAt),
  created_at: toSeconds(job.createdAt),
  updated_at: toSeconds(job.updatedAt),
  started_at: toSeconds(job.startedAt),
  completed_at: toSeconds(job.completedAt),
  canceled_at: toSeconds(job.canceledAt),
  result: messages === null || job.startedAt === null ? null : toQueryResponse(job, messages),
  error: job.error,
  attempts: job.attempts,
  webhook: job.webhook === null ? NO_WEBHOOK : toWebhookView(job.webhook),
  artifacts: artifacts === null ? null : toManifest(artifacts),
  ...toFigures(job),
  sandbox_id: job.sandboxId,
});

const toWebhookView = (webhook: WebhookStatus): Readonly<Record<string, unknown>> => ({
  url: webhook.url,
  secret_ref: webhook.secretRef,
  attempts: webhook.attempts,
  last_status: webhook.lastStatus,
  last_error: webhook.lastError,
  delivered_at: toSeconds(webhook.deliveredAt),
});

/** ArtifactManifest of frozen files. */
export const toManifest = (artifacts: readonly ArtifactEntry[]): Readonly<Record<string, unknown>> => ({
  root: null,
  files: artifacts.map((artifact) => ({
    path: artifact.path,
    size_bytes: artifact.sizeBytes,
    content_type: artifact.contentType,
    checksum_sha256: artifact.sha256,
    modified_at: toSeconds(artifact.modifiedAt),
    created_at: toSeconds(artifact.createdAt),
  })),
});

const toFigures = (job: Job): Readonly<Record<string, unknown>> => {
  const { outcome, startedAt } = job;
  const dueMs = Math.max(job.createdAt.getTime(), job.scheduleAt?.getTime() ?? 0);
  const end = job.completedAt ?? job.canceledAt;
  const models = [...new Set(outcome?.models)].toSorted();
  return {
    queue_latency_ms: startedAt && Math.max(0, startedAt.getTime() - dueMs),
    duration_ms: startedAt && end && Math.max(0, end.getTime() - startedAt.getTime()),
    agent_duration_ms: outcome?.durationMs ?? null,
    agent_duration_api_ms: outcome?.apiDurationMs ?? null,
    num_turns: outcome?.turns ?? null,
    usage: outcome?.usage ?? null,
    total_cost_usd: toDollars(outcome?.costMicros ?? null),
    tool_call_count: outcome?.toolCalls ?? (hasEnded(job) ? 0 : null),
    models: models.length === 0 ? null : models,
  };
};
