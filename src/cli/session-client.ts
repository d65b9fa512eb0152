import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ApiClient } from './client.ts';

const sessionSchema = z.looseObject({
  session_id: z.string(),
  status: z.string(),
  user_id: z.string().optional(),
  created_at: z.number(),
  last_active_at: z.number(),
  current_prompt: z.string().optional(),
  queued_jobs: z.number().optional(),
});
const listSchema = z.looseObject({ sessions: z.array(sessionSchema), next_cursor: z.string().nullish() });
const stateSchema = z.looseObject({ state: sessionSchema });
const blockSchema = z.looseObject({ type: z.string(), text: z.string().optional() });
const messageSchema = z.looseObject({ role: z.string(), created_at: z.number(), content: z.array(blockSchema) });
const messagesSchema = z.looseObject({ messages: z.array(messageSchema) });
const promptSchema = z.looseObject({
  prompt_id: z.string(),
  question: z.string(),
  position: z.number(),
  expires_at: z.number(),
});
const queueSchema = z.looseObject({ is_executing: z.boolean(), prompts: z.array(promptSchema) });
const addedSchema = z.looseObject({ prompt_id: z.string().nullish(), outcome: z.string().optional() });
const removedSchema = z.looseObject({ prompt_id: z.string().optional(), message: z.string().optional() });
const stopSchema = z.looseObject({ status: z.string(), message: z.string().nullish() });

export type WireMessage = z.infer<typeof messageSchema>;
export type WireSession = z.infer<typeof sessionSchema>;

/** Sessions as the commands use them; its methods throw as ApiClient's do. */
export class SessionClient {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  async list(page: {
    readonly limit?: string | undefined;
    readonly cursor?: string | undefined;
  }): Promise<z.infer<typeof listSchema>> {
    const query = new URLSearchParams(
      Object.entries(page).filter((entry): entry is [string, string] => Boolean(entry[1])),
    );
    return await this.#client.request(listSchema, { path: `/sessions?${query.toString()}` });
  }

  async state(id: string): Promise<z.infer<typeof stateSchema>> {
    return await this.#client.request(stateSchema, { path: pathOf(id, 'state') });
  }

  async messages(id: string): Promise<z.infer<typeof messagesSchema>> {
    return await this.#client.request(messagesSchema, { path: pathOf(id, 'messages') });
  }

  async queue(id: string): Promise<z.infer<typeof queueSchema>> {
    return await this.#client.request(queueSchema, { path: pathOf(id, 'queue') });
  }

  async add(id: string, prompt: Readonly<Record<string, string | undefined>>): Promise<z.infer<typeof addedSchema>> {
    return await this.#client.request(addedSchema, {
      method: 'POST',
      path: pathOf(id, 'queue'),
      body: prompt,
      headers: { 'idempotency-key': randomUUID() },
    });
  }

  /** One prompt, or all of them. */
  async remove(id: string, promptId: string | undefined): Promise<z.infer<typeof removedSchema>> {
    const rest = promptId === undefined ? '' : `/${encodeURIComponent(promptId)}`;
    return await this.#client.request(removedSchema, { method: 'DELETE', path: `${pathOf(id, 'queue')}${rest}` });
  }

  async stop(id: string, mode: 'graceful' | 'immediate'): Promise<z.infer<typeof stopSchema>> {
    return await this.#client.request(stopSchema, { method: 'POST', path: pathOf(id, 'stop'), body: { mode } });
  }
}

const pathOf = (id: string, what: string): string => `/session/${encodeURIComponent(id)}/${what}`;
