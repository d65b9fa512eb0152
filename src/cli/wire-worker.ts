import { z } from 'zod';

/** A worker as a server answers it. Only what the commands look at is checked; `--json` prints the rest as it came. */
export const workerSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  running: z.boolean(),
  output_text: z.string(),
  metadata: z.looseObject({
    job_id: z.uuid(),
    job_status: z.string(),
    error: z.string().nullish(),
    title: z.string().nullish(),
  }),
  files: z.array(z.looseObject({ filename: z.string(), mediaType: z.string(), url: z.string() })),
  usage: z.looseObject({ costUsd: z.number() }).nullish(),
});

export type WireWorker = z.infer<typeof workerSchema>;

/** One part of a worker's stream. */
export const partSchema = z.looseObject({ type: z.string() });

export type WirePart = z.infer<typeof partSchema>;
