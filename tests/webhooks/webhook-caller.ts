import assert from 'node:assert/strict';
import type { TestApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';
import { eventually } from '../support/signals.ts';

export type Json = Readonly<Record<string, unknown>>;

/** The webhooks of an API as its clients see them. */
export class WebhookCaller {
  readonly #api: Pick<TestApi, 'url' | 'adminKey'>;
  readonly #key: string;

  constructor(api: Pick<TestApi, 'url' | 'adminKey'>, key: string = api.adminKey) {
    this.#api = api;
    this.#key = key;
  }

  async ask(method: string, path: string, body?: Json): Promise<Answer> {
    return await send(this.#api.url, { method, path, headers: bearer(this.#key), ...(body ? { body } : {}) });
  }

  async ok(method: string, path: string, body?: Json): Promise<Json> {
    const answer = await this.ask(method, path, body);
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    return answer.json;
  }

  /** Submits a job of the echo agent; gives its id. */
  async submit(webhook: Json | null, rest: Json = {}): Promise<string> {
    const body = { question: 'hi', agent_type: 'echo', webhook, ...rest };
    return String((await this.ok('POST', '/submit', body))['job_id']);
  }

  /** The bookkeeping of a job's webhook, once it says what is looked for. */
  async webhookOf(jobId: string, isWanted: (webhook: Json) => boolean): Promise<Json> {
    return await eventually(`the webhook of job ${jobId}`, async () => {
      const webhook = (await this.ok('GET', `/jobs/${jobId}`))['webhook'] as Json;
      return isWanted(webhook) ? webhook : false;
    });
  }

  async endpoint(body: Json): Promise<{ readonly id: string; readonly secret: string | undefined }> {
    const made = await this.ok('POST', '/webhooks/endpoints', body);
    const secret = made['signing_secret'];
    return { id: String((made['endpoint'] as Json)['id']), secret: typeof secret === 'string' ? secret : undefined };
  }

  async readEndpoint(id: string): Promise<Json> {
    return (await this.ok('GET', `/webhooks/endpoints/${id}`))['endpoint'] as Json;
  }

  async deliveries(query = ''): Promise<readonly Json[]> {
    return (await this.ok('GET', `/webhooks/deliveries?limit=100&${query}`))['deliveries'] as Json[];
  }

  /** The only delivery that a query finds, once it is over. */
  async settled(query: string): Promise<Json> {
    return await eventually(`the end of the delivery ${query}`, async () => {
      const [delivery, ...others] = await this.deliveries(query);
      assert.deepEqual(others, []);
      return delivery && delivery['state'] !== 'pending' ? delivery : false;
    });
  }

  async attempts(id: unknown): Promise<readonly Json[]> {
    return (await this.ok('GET', `/webhooks/deliveries/${String(id)}`))['attempts'] as Json[];
  }
}
