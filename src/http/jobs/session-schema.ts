import { z } from 'zod';
import { storableText } from '../schema.ts';
import { ifBusy, question } from './input-schema.ts';

/** QueuePromptRequest. */
export const promptSchema = z.strictObject({
  question,
  agent_type: storableText.trim().optional(),
  if_busy: ifBusy.optional(),
});

/** SessionStopRequest. */
export const stopSchema = z.strictObject({
  mode: z.enum(['graceful', 'immediate']).default('graceful'),
  reason: storableText.trim().nullish(),
});

/** Beside the contract: what can be changed of a prompt that waits. */
export const promptChangeSchema = z.strictObject({ position: z.literal(1) });
