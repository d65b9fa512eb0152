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

/** The other answers that commands read. */
export const answers = Object.freeze({
  submitted: z.looseObject({ job_id: z.uuid() }),
  jobList: z.looseObject({ jobs: z.array(jobSchema), next_cursor: z.string().nullish() }),
  eventPage: z.looseObject({ events: z.array(jobEventSchema) }),
  keyCreated: z.looseObject({ key: apiKeySchema, api_key: z.string() }),
  key: z.looseObject({ key: apiKeySchema }),
  keyList: z.looseObject({ keys: z.array(apiKeySchema) }),
  error: z.looseObject({ error: z.string() }),
});

export type WireJob = z.infer<typeof jobSchema>;
export type WireArtifact = z.infer<typeof artifactSchema>;
export type WireApiKey = z.infer<typeof apiKeySchema>;
export type JobEvent = z.infer<typeof jobEventSchema>;
