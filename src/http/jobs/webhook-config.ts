import { z } from 'zod';
import type { WebhookRequest } from '../../core/webhook.ts';

/** WebhookConfig. */
export const webhookSchema = z.strictObject({
  url: z.string().refine((text) => URL.canParse(text)),
  headers: z.record(z.string(), z.string()).nullish(),
  signing_secret: z.string().nullish(),
  secret_ref: z.string().nullish(),
  timeout_seconds: z.int().min(1).nullish(),
  max_attempts: z.int().min(1).nullish(),
});

export const toWebhookRequest = (config: z.infer<typeof webhookSchema>): WebhookRequest => ({
  url: config.url,
  headers: config.headers,
  signingSecret: config.signing_secret,
  secretRef: config.secret_ref,
  timeoutSeconds: config.timeout_seconds,
  maxAttempts: config.max_attempts,
});
