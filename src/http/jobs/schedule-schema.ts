import { z } from 'zod';
import { SCHEDULE_KINDS } from '../../core/schedule/schedule.ts';
import { storableText } from '../schema.ts';
import { MAX_SECONDS } from '../seconds.ts';
import { metadata } from './fields.ts';
import { question } from './input-schema.ts';
import { webhookSchema } from './webhook-config.ts';

/** The year 1: PostgreSQL and RFC 3339 agree about times from there on, and all of them fire at once. */
export const MIN_SECONDS = -62_135_596_800;
const MAX_PERIOD_SECONDS = 31_536_000;
const MAX_JITTER_SECONDS = 3_600;
const MAX_COUNT = 1_000_000_000;

const seconds = z.number().refine(Number.isInteger).max(MAX_SECONDS);
const count = z.int().min(1).max(MAX_COUNT);
const period = z.int().min(1).max(MAX_PERIOD_SECONDS);

/** What create and update have in common, beside name, question and enabled. */
const common = {
  agent_type: storableText.trim().nullish(),
  cron: storableText.nullish(),
  timezone: storableText.nullish(),
  run_at: seconds.nullish(),
  webhook: webhookSchema.nullish(),
  metadata: metadata.nullish(),
  // Beside the contract.
  interval_seconds: period.nullish(),
  budget: z.enum(['low', 'standard', 'high', 'unlimited']).nullish(),
  overlap: z.enum(['skip', 'queue_one', 'queue_all', 'cancel_running', 'allow']).nullish(),
  catch_up: z.enum(['one', 'all', 'none']).nullish(),
  catch_up_window_seconds: count.nullish(),
  jitter_seconds: z.int().min(0).max(MAX_JITTER_SECONDS).nullish(),
  pause_after_failures: z.int().min(1).max(100).nullish(),
  ends_at: seconds.min(MIN_SECONDS).nullish(),
  max_runs: count.nullish(),
};

/** ScheduleCreateRequest. */
export const scheduleCreateSchema = z
  .strictObject({
    name: storableText.trim(),
    question,
    schedule_type: z.enum(SCHEDULE_KINDS),
    enabled: z.boolean().optional(),
    session_mode: z.enum(['same', 'new']).optional(),
    delay_seconds: period.nullish(),
    ...common,
  })
  // Each has the one that is named after it.
  .refine(({ schedule_type, delay_seconds, interval_seconds }) =>
    schedule_type === 'delay' ? !interval_seconds : !delay_seconds,
  );

/** ScheduleUpdateRequest. */
export const scheduleUpdateSchema = z.strictObject({
  name: storableText.trim().nullish(),
  question: question.nullish(),
  enabled: z.boolean().nullish(),
  ...common,
});

export type ScheduleCreateRequest = z.infer<typeof scheduleCreateSchema>;
export type ScheduleUpdateRequest = z.infer<typeof scheduleUpdateSchema>;
