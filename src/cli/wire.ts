import { z } from 'zod';
import { JOB_STATES, type JobState } from '../core/job.ts';

const artifactSchema = z.looseObject({
  path: z.string(),
  size_bytes: z.number(),
  checksum_sha256: z.string().nullish(),
});

/** A job as a server answers it. Only what the commands look at is checked; `--json` prints the rest as it came. */
export const jobSchema = z.looseObject({
  job_id: z.uuid(),
  status: z.enum(JOB_STATES as readonly [JobState, ...JobState[]]),
  session_id: z.string(),
  question: z.string().nullish(),
  error: z.string().nullish(),
  attempts: z.number().nullish(),
  created_at: z.number().nullish(),
  duration_ms: z.number().nullish(),
  sandbox_id: z.string().nullish(),
  total_cost_usd: z.number().nullish(),
  result: z.looseObject({ summary: z.looseObject({ text: z.string().nullish() }).nullish() }).nullish(),
  artifacts: z.looseObject({ files: z.array(artifactSchema) }).nullish(),
});

/** One entry of a job's log, out of a server-sent event. */
export const jobEventSchema = z.looseObject({
  seq: z.number(),
  type: z.string(),
  data: z.record(z.string(), z.unknown()),
  message: z.looseObject({ role: z.string(), content: z.unknown() }).nullish(),
});

const apiKeySchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  user_id: z.string(),
  hint: z.string(),
  scopes: z.array(z.string()),
  created_at: z.number(),
  expires_at: z.number().nullish(),
  last_used_at: z.number().nullish(),
  revoked_at: z.number().nullish(),
});

const agentSchema = z.looseObject({
  name: z.string(),
  version: z.number().nullable(),
  builtin: z.boolean(),
  runtime: z.string(),
  description: z.string(),
  model: z.string().nullish(),
  max_running: z.number().nullish(),
  created_at: z.number().nullish(),
  retired_at: z.number().nullish(),
});

const usageSchema = z.looseObject({
  calls: z.number(),
  input_tokens: z.number().nullable(),
  cache_read_tokens: z.number().nullable(),
  output_tokens: z.number().nullable(),
  cost_usd: z.number().nullable(),
  unknown_cost_calls: z.number(),
  warning: z.string().nullish(),
});

const limitSchema = z.union([z.number(), z.literal('unlimited')]).nullish();

const budgetSchema = z.looseObject({
  kind: z.string(),
  id: z.string().nullable(),
  max_cost_usd: limitSchema,
  default_max_cost_usd: limitSchema,
  max_requests: limitSchema,
  default_max_requests: limitSchema,
  spent_usd: z.number().nullish(),
  held_usd: z.number().nullish(),
  requests: z.number().nullish(),
});

const usageReportSchema = z.looseObject({
  group_by: z.array(z.string()),
  groups: z.array(usageSchema),
  total: usageSchema,
  next_cursor: z.string().nullish(),
});

const approvalSchema = z.looseObject({
  id: z.string(),
  job_id: z.string(),
  session_id: z.string(),
  agent: z.string(),
  kind: z.string(),
  tool: z.string(),
  input: z.unknown(),
  state: z.string(),
  on_expiry: z.string(),
  message: z.string().nullish(),
  decided_by: z.string().nullish(),
  created_at: z.number(),
  expires_at: z.number(),
  decided_at: z.number().nullish(),
});

const batchSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  created_at: z.string(),
  metadata: z.looseObject({
    counts: z.looseObject({ total: z.number(), succeeded: z.number(), failed: z.number(), cancelled: z.number() }),
  }),
});

const batchItemSchema = z.looseObject({
  job_id: z.string(),
  agent_id: z.string(),
  status: z.string(),
  error: z.string().nullish(),
});

/** The other answers that commands read. */
export const answers = Object.freeze({
  submitted: z.looseObject({ job_id: z.uuid() }),
  jobList: z.looseObject({ jobs: z.array(jobSchema), next_cursor: z.string().nullish() }),
  eventPage: z.looseObject({ events: z.array(jobEventSchema) }),
  keyCreated: z.looseObject({ key: apiKeySchema, api_key: z.string() }),
  key: z.looseObject({ key: apiKeySchema }),
  keyList: z.looseObject({ keys: z.array(apiKeySchema) }),
  agent: z.looseObject({ agent: agentSchema }),
  agentList: z.looseObject({ agents: z.array(agentSchema) }),
  agentVersions: z.looseObject({ versions: z.array(agentSchema) }),
  usage: usageReportSchema,
  budget: z.looseObject({ budget: budgetSchema }),
  budgetList: z.looseObject({ budgets: z.array(budgetSchema), next_cursor: z.string().nullish() }),
  approval: z.looseObject({ approval: approvalSchema }),
  approvalList: z.looseObject({ approvals: z.array(approvalSchema), next_cursor: z.string().nullish() }),
  batch: batchSchema,
  batchList: z.array(batchSchema),
  batchItems: z.looseObject({ items: z.array(batchItemSchema), next_cursor: z.string().nullish() }),
  nothing: z.null(),
  error: z.union([
    /** The workers API says in `message` what the others say in `error`. */
    z.looseObject({ error: z.string(), message: z.string().nullish() }),
    z.looseObject({ detail: z.string() }).transform(({ detail }) => ({ error: detail, message: null })),
  ]),
});

export type WireBatch = z.infer<typeof batchSchema>;
export type WireBatchItem = z.infer<typeof batchItemSchema>;
export type WireJob = z.infer<typeof jobSchema>;
export type WireArtifact = z.infer<typeof artifactSchema>;
export type WireApiKey = z.infer<typeof apiKeySchema>;
export type WireAgent = z.infer<typeof agentSchema>;
export type WireUsage = z.infer<typeof usageReportSchema>;
export type WireUsageSums = z.infer<typeof usageSchema>;
export type WireBudget = z.infer<typeof budgetSchema>;
export type WireApproval = z.infer<typeof approvalSchema>;
export type JobEvent = z.infer<typeof jobEventSchema>;
