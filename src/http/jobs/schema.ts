import { z } from 'zod';
import { isSessionId } from '../../core/session-id.ts';
import { storableText } from '../schema.ts';
import { MAX_SECONDS } from '../seconds.ts';
import { metadata } from './fields.ts';
import { ifBusy, question } from './input-schema.ts';
import { webhookSchema } from './webhook-config.ts';

/** Longest `session_key`. */
export const SESSION_KEY_UNITS = 256;

/** Any letter case, as everywhere. */
const jobId = z.uuid().transform((text) => text.toLowerCase());

/** QueryRequest. */
export const querySchema = z.strictObject({
  question,
  agent_type: storableText.trim().optional(),
  fork_session: z.boolean().optional(),
  session_id: z.string().trim().refine(isSessionId).nullish(),
  session_key: storableText.max(SESSION_KEY_UNITS).nullish(),
  tenant_id: z.string().nullish(),
  user_id: z.string().nullish(),
  warm_id: z.string().nullish(),
  job_id: jobId.nullish(),
  trace_id: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,128}$/)
    .nullish(),
  if_busy: ifBusy.optional(),
});

export type QueryRequest = z.infer<typeof querySchema>;

/** JobSubmitRequest. */
export const submitSchema = z.strictObject({
  question,
  agent_type: storableText.trim().nullish(),
  session_id: z.string().trim().refine(isSessionId).nullish(),
  session_key: storableText.max(SESSION_KEY_UNITS).nullish(),
  tenant_id: z.string().nullish(),
  user_id: z.string().nullish(),
  job_id: z.string().nullish(),
  schedule_at: z.number().refine(Number.isInteger).max(MAX_SECONDS).nullish(),
  webhook: webhookSchema.nullish(),
  metadata: metadata.nullish(),
  if_busy: ifBusy.optional(),
  // Beside the contract: as at /query.
  fork_session: z.boolean().optional(),
  // Beside the contract: the budget levels of the workers API.
  budget: z.enum(['low', 'standard', 'high', 'unlimited']).nullish(),
});

export type SubmitRequest = z.infer<typeof submitSchema>;
