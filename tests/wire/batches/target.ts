import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Answer, bearer, send, type WireRequest } from '../../support/api-client.ts';
import { eventually } from '../../support/signals.ts';

/** All that the conformance checks know of the server under test. */
export interface Target {
  readonly url: string;
  /** Signs session tokens for every tenant. */
  readonly signingSecret: string;
  /** Of tenant "default", any user, scope admin. */
  readonly apiKey: string;
}

type Fields = Readonly<Record<string, unknown>>;

const schema = JSON.parse(readFileSync(new URL('schemas/batch-job.schema.json', import.meta.url), 'utf8')) as {
  readonly properties: Fields;
};
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
const validateBatch = ajv.compile(schema);
const BATCH_KEYS = Object.keys(schema.properties).toSorted();

/** An agent that answers with its input, and one that runs it as a script: conformance needs no model for most. */
export const ECHO = 'kazi/echo';
export const SHELL = 'kazi/shell';
export const UNKNOWN_AGENT = 'agent-123e4567-e89b-42d3-8456-426614174000';
export const UNKNOWN_UUID = '123e4567-e89b-42d3-8456-426614174000';

/** Requests with one credential. Every answer is held to what all have: CORS, a request id, the envelope, the form of times. */
export class Caller {
  readonly target: Target;
  readonly credential: string;

  constructor(target: Target, credential: string = target.apiKey) {
    this.target = target;
    this.credential = credential;
  }

  async send(request: WireRequest): Promise<Answer> {
    const answer = await send(this.target.url, {
      ...request,
      headers: { ...bearer(this.credential), ...request.headers },
    });
    checkAnswer(answer);
    return answer;
  }

  async get(path: string): Promise<Answer> {
    return await this.send({ path });
  }

  async list(path: string): Promise<readonly Fields[]> {
    const answer = await this.get(path);
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text) as Fields[];
  }

  async agent(model: string = ECHO, fields: Fields = {}): Promise<string> {
    const answer = await this.send({ method: 'POST', path: '/v1/agents/', body: { model, ...fields } });
    assert.equal(answer.status, 200, answer.text);
    return String(answer.json['id']);
  }

  async agents(count: number, model: string = ECHO): Promise<readonly string[]> {
    return await Promise.all(Array.from({ length: count }, async () => await this.agent(model)));
  }

  async create(body: WireRequest['body'], headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return await this.send({
      method: 'POST',
      path: '/v1/messages/batches',
      headers,
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Creates a batch of these inputs by agent; gives its id. */
  async batch(items: readonly (readonly [string, string])[], fields: Fields = {}): Promise<string> {
    const requests = items.map(([agent_id, input]) => ({ agent_id, input }));
    const answer = await this.create({ requests, ...fields });
    assert.equal(answer.status, 200, answer.text);
    return String(checkBatch(answer.json)['id']);
  }

  async retrieve(batchId: string): Promise<Fields> {
    const answer = await this.get(`/v1/messages/batches/${batchId}`);
    assert.equal(answer.status, 200, answer.text);
    return checkBatch(answer.json);
  }

  /** The batch once it has ended. */
  async ended(batchId: string): Promise<Fields> {
    return await eventually(`the end of ${batchId}`, async () => {
      const batch = await this.retrieve(batchId);
      return batch['status'] !== 'running' && batch;
    });
  }

  /** Runs of a batch, in the order of its items. */
  async runs(batchId: string): Promise<readonly Fields[]> {
    return await this.list(`/v1/runs/?batch_id=${batchId}&order=asc`);
  }

  /** The job as the jobs API shows it. */
  async job(jobId: string): Promise<Fields> {
    const answer = await send(this.target.url, { path: `/jobs/${jobId}`, headers: bearer(this.credential) });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async cancel(batchId: string): Promise<Answer> {
    return await this.send({ method: 'PATCH', path: `/v1/messages/batches/${batchId}/cancel` });
  }

  async messages(batchId: string, query = ''): Promise<readonly Fields[]> {
    const answer = await this.get(`/v1/messages/batches/${batchId}/messages${query}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json['messages'] as Fields[];
  }
}

/** The counts of a batch as total, succeeded, failed, cancelled. */
export const countsOf = (batch: Fields): readonly unknown[] => {
  const { counts } = batch['metadata'] as { readonly counts: Fields };
  return ['total', 'succeeded', 'failed', 'cancelled'].map((name) => counts[name]);
};

export const assertDetail = (answer: Answer, status: number, detail: string | RegExp): void => {
  assert.equal(answer.status, status, answer.text);
  const found = String(answer.json['detail']);
  if (typeof detail === 'string') assert.equal(found, detail);
  else assert.match(found, detail);
};

const checkBatch = (batch: Fields): Fields => {
  assert.ok(validateBatch(batch), `${ajv.errorsText(validateBatch.errors)}\n${JSON.stringify(batch)}`);
  assert.deepEqual(Object.keys(batch).toSorted(), BATCH_KEYS);
  return batch;
};

const checkAnswer = (answer: Answer): void => {
  assert.equal(answer.headers['access-control-allow-origin'], '*');
  assert.match(String(answer.headers['x-request-id']), /^[A-Za-z0-9._:-]{1,128}$/);
  assert.match(String(answer.headers['content-type']), /^application\/json/);
  const body = JSON.parse(answer.text) as Fields | null;
  if (answer.status < 400) checkTimes(body);
  else assert.equal(typeof body?.['detail'], 'string', answer.text);
};

/** Every value under a key that names a time is RFC 3339 with `Z`, to the millisecond. */
const checkTimes = (value: unknown): void => {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (/(?:_at|^date|_completion)$/.test(key) && inner !== null)
      assert.match(String(inner), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, key);
    checkTimes(inner);
  }
};
