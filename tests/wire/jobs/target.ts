import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Answer, bearer, send, type WireRequest } from '../../support/api-client.ts';

/** All that the conformance checks know of the server under test. */
export interface Target {
  readonly url: string;
  /** Signs session tokens for every tenant. */
  readonly signingSecret: string;
  /** Of tenant "default", user "admin", scope admin. */
  readonly apiKey: string;
  /** True: nobody gave a key, and a session token of that user stands in for it. It is rate limited, and no admin. */
  readonly hasNoKey?: boolean;
}

const readSchema = (name: string): object =>
  JSON.parse(readFileSync(new URL(`schemas/${name}`, import.meta.url), 'utf8')) as object;

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(readSchema('job-status.schema.json'));
ajv.addSchema(readSchema('jobs-api.schema.json'));

/** Fails with what is wrong unless the value is the named object of the contract's schemas. */
export const assertValid = (name: string, value: unknown): void => {
  const validate = ajv.getSchema(`jobs-api.schema.json#/$defs/${name}`);
  assert.ok(validate, `the schemas have no "${name}"`);
  assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value).slice(0, 2_000)}`);
};

type Claims = Readonly<Record<string, unknown>>;
type Alphabet = 'base64' | 'unpadded' | 'base64url';

/** A session token of exactly these claims; the times are an hour around now when they are left out. */
export const mintToken = (
  target: Pick<Target, 'signingSecret'>,
  claims: Claims = {},
  alphabet: Alphabet = 'base64',
): string => {
  const payload = JSON.stringify({ issued_at: Date.now(), expires_at: Date.now() + 3_600_000, ...claims });
  return signPayload(target, payload, alphabet);
};

export const signPayload = (
  target: Pick<Target, 'signingSecret'>,
  payload: string,
  alphabet: Alphabet = 'base64',
): string => {
  const bytes = Buffer.from(payload, 'utf8');
  const signature = createHmac('sha256', target.signingSecret).update(bytes).digest();
  return `${encode(bytes, alphabet)}.${encode(signature, alphabet)}`;
};

export const encode = (bytes: Buffer, alphabet: Alphabet): string =>
  alphabet === 'base64url'
    ? bytes.toString('base64url')
    : bytes.toString('base64').replace(alphabet === 'unpadded' ? /=+$/ : /$^/, '');

/** Requests with one credential. Every error answer is held to the schema and to the headers that all answers have. */
export class Caller {
  readonly target: Target;
  readonly credential: string;

  constructor(target: Target, credential: string = target.apiKey) {
    this.target = target;
    this.credential = credential;
  }

  async send(request: WireRequest): Promise<Answer> {
    const answer = await this.#sendOnce(request);
    if (answer.status !== 429 || !this.target.hasNoKey || this.credential !== this.target.apiKey) return answer;
    const seconds = Number(answer.headers['retry-after'] ?? 0);
    // A budget has no end to wait for.
    if (seconds === 0) return answer;
    await delay(seconds * 1_000);
    return await this.#sendOnce(request);
  }

  async #sendOnce(request: WireRequest): Promise<Answer> {
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

  async post(
    path: string,
    body?: WireRequest['body'],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return await this.send({ method: 'POST', path, ...(body === undefined ? {} : { body }), headers });
  }

  async submit(
    body: Readonly<Record<string, unknown>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const answer = await this.send({ method: 'POST', path: '/submit', body: { question: 'hi', ...body }, headers });
    if (answer.status === 200) assertValid('JobSubmitResponse', answer.json);
    return answer;
  }

  /** Asks, and waits for the answer; a success is held to the schema. */
  async query(
    body: Readonly<Record<string, unknown>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const question = { question: 'hi', agent_type: 'echo', ...body };
    const answer = await this.send({ method: 'POST', path: '/query', body: question, headers });
    if (answer.status === 200) assertValid('QueryResponse', answer.json);
    return answer;
  }

  /** Submits, and gives the job's id. */
  async submitJob(body: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const answer = await this.submit({ agent_type: 'echo', ...body });
    assert.equal(answer.status, 200, answer.text);
    return String(answer.json['job_id']);
  }

  /** The job as it stands; asserts that it is readable, valid and complete. */
  async job(jobId: string, query = ''): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.get(`/jobs/${jobId}${query}`);
    assert.equal(answer.status, 200, answer.text);
    return checkJob(answer.json);
  }

  /** The job once it writes no more: its event stream ends by itself. */
  async ended(jobId: string): Promise<Readonly<Record<string, unknown>>> {
    const stream = await this.get(`/jobs/${jobId}/events`);
    assert.equal(stream.status, 200, stream.text);
    return await this.job(jobId);
  }

  async cancel(jobId: string): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.send({ method: 'DELETE', path: `/jobs/${jobId}` });
    assert.equal(answer.status, 200, answer.text);
    return checkJob(answer.json);
  }
}

/** What holds for every answer: CORS, a request id, and the envelope of errors. */
export const checkAnswer = (answer: Answer): void => {
  assert.equal(answer.headers['access-control-allow-origin'], '*');
  assert.match(String(answer.headers['x-request-id']), /^[A-Za-z0-9._:-]{1,128}$/);
  if (answer.status < 400) return;
  const type = String(answer.headers['content-type']);
  if (type.startsWith('application/json')) assertValid(envelopeOf(answer.json), answer.json);
  else assert.match(type, /^text\/plain/);
};

/** The prompt queue has envelopes of its own. */
const envelopeOf = (json: Readonly<Record<string, unknown>>): string => {
  if ('queued' in json) return 'QueueAddErrorResponse';
  if ('removed' in json) return 'QueueRemoveErrorResponse';
  return 'details' in json ? 'BudgetErrorResponse' : 'ErrorResponse';
};

/** Asserts a JSON error, with or without `detail`. */
export const assertError = (
  answer: Answer,
  status: number,
  error: string,
  options: { readonly detail?: boolean } = {},
): void => {
  assert.deepEqual(
    [answer.status, answer.json],
    [status, { ok: false, error, ...(options.detail ? { detail: error } : {}) }],
  );
};

export const assertText = (answer: Answer, status: number, text: string): void => {
  assert.deepEqual([answer.status, answer.text], [status, text]);
  assert.match(String(answer.headers['content-type']), /^text\/plain/);
};

const JOB_KEYS = Object.keys((readSchema('job-status.schema.json') as { properties: object }).properties).toSorted();

const checkJob = (job: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  assertValid('JobStatusResponse', job);
  assert.deepEqual(Object.keys(job).toSorted(), JOB_KEYS);
  return job;
};
