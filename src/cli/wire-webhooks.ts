import { z } from 'zod';

const secretSchema = z.looseObject({
  name: z.string(),
  updated_at: z.number(),
  last_used_at: z.number().nullish(),
  previous_until: z.number().nullish(),
});

const endpointSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  events: z.array(z.string()).nullish(),
  enabled: z.boolean(),
  disabled_reason: z.string().nullish(),
  failures: z.number(),
});

const deliverySchema = z.looseObject({
  id: z.string(),
  event: z.string(),
  url: z.string(),
  job_id: z.string().nullish(),
  state: z.string(),
  attempts: z.number(),
  next_attempt_at: z.number().nullish(),
  last_status: z.number().nullish(),
  last_error: z.string().nullish(),
  created_at: z.number(),
});

const attemptSchema = z.looseObject({
  number: z.number(),
  status: z.number().nullish(),
  error: z.string().nullish(),
  duration_ms: z.number(),
  started_at: z.number(),
});

/** What commands read of the answers about secrets and webhooks. */
export const webhookAnswers = Object.freeze({
  secret: z.looseObject({ secret: secretSchema }),
  secretList: z.looseObject({ secrets: z.array(secretSchema) }),
  deleted: z.looseObject({ deleted: z.boolean() }),
  endpoint: z.looseObject({ endpoint: endpointSchema, signing_secret: z.string().optional() }),
  endpointList: z.looseObject({ endpoints: z.array(endpointSchema) }),
  delivery: z.looseObject({ delivery: deliverySchema, attempts: z.array(attemptSchema).optional() }),
  deliveryList: z.looseObject({ deliveries: z.array(deliverySchema), next_cursor: z.string().nullish() }),
  replayed: z.looseObject({ replayed: z.number() }),
});
