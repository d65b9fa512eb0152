import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ApiClient } from './client.ts';

const scheduleSchema = z.looseObject({
  schedule_id: z.string(),
  name: z.string(),
  question: z.string(),
  schedule_type: z.string(),
  agent_type: z.string().nullish(),
  cron: z.string().nullish(),
  run_at: z.number().nullish(),
  timezone: z.string(),
  interval_seconds: z.number().nullish(),
  delay_seconds: z.number().nullish(),
  enabled: z.boolean(),
  last_run_at: z.number().nullish(),
  next_run_at: z.number().nullish(),
  last_job_id: z.string().nullish(),
  last_error: z.string().nullish(),
});
const listSchema = z.looseObject({ schedules: z.array(scheduleSchema) });
const previewSchema = z.looseObject({ times: z.array(z.number()) });
const runSchema = z.looseObject({
  due_at: z.number(),
  trigger: z.string(),
  outcome: z.string(),
  fired_at: z.number().nullish(),
  job_id: z.string().nullish(),
  reason: z.string().nullish(),
});
const runsSchema = z.looseObject({ runs: z.array(runSchema), next_cursor: z.string().nullish() });
const startedSchema = z.looseObject({ job_id: z.string() });
const deletedSchema = z.looseObject({ schedule_id: z.string() });

export type WireSchedule = z.infer<typeof scheduleSchema>;

/** What a new schedule may say; absent fields take the server's defaults. */
export type ScheduleRequest = Readonly<Record<string, string | number | boolean | undefined>>;

/** `/schedules` as the commands use it; its methods throw as ApiClient's do. */
export class ScheduleClient {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  async list(filter: Readonly<Record<string, string | undefined>>): Promise<z.infer<typeof listSchema>> {
    return await this.#client.request(listSchema, { path: `/schedules?${toQuery(filter)}` });
  }

  async get(id: string): Promise<WireSchedule> {
    return await this.#client.request(scheduleSchema, { path: pathOf(id) });
  }

  async create(schedule: ScheduleRequest, sessionId: string | undefined): Promise<WireSchedule> {
    return await this.#client.request(scheduleSchema, {
      method: 'POST',
      path: `/schedules?${toQuery({ session_id: sessionId })}`,
      body: schedule,
      headers: { 'idempotency-key': randomUUID() },
    });
  }

  async switch(verb: 'pause' | 'resume', id: string): Promise<WireSchedule> {
    return await this.#client.request(scheduleSchema, { method: 'POST', path: `${pathOf(id)}/${verb}` });
  }

  async run(id: string): Promise<z.infer<typeof startedSchema>> {
    const headers = { 'idempotency-key': randomUUID() };
    return await this.#client.request(startedSchema, { method: 'POST', path: `${pathOf(id)}/run`, headers });
  }

  async preview(id: string, count: string | undefined): Promise<z.infer<typeof previewSchema>> {
    return await this.#client.request(previewSchema, { path: `${pathOf(id)}/preview?${toQuery({ count })}` });
  }

  async runs(id: string, page: Readonly<Record<string, string | undefined>>): Promise<z.infer<typeof runsSchema>> {
    return await this.#client.request(runsSchema, { path: `${pathOf(id)}/runs?${toQuery(page)}` });
  }

  async remove(id: string): Promise<z.infer<typeof deletedSchema>> {
    return await this.#client.request(deletedSchema, { method: 'DELETE', path: pathOf(id) });
  }
}

const pathOf = (id: string): string => `/schedules/${encodeURIComponent(id)}`;

const toQuery = (values: Readonly<Record<string, string | undefined>>): string =>
  new URLSearchParams(
    Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])),
  ).toString();
