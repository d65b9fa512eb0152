import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as startRequest } from 'node:http';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Answer, bearer, send, type WireRequest } from '../../support/api-client.ts';
import { mintToken, type Target as ServerTarget } from '../jobs/target.ts';

export { mintToken };

/** All that the conformance checks know of the server under test: an input is a shell script there, because it has no model. */
export type Target = ServerTarget;

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(
  JSON.parse(readFileSync(new URL('schemas/worker.schema.json', import.meta.url), 'utf8')) as Record<string, unknown>,
);

/** Fails with what is wrong unless the value is the named object of the contract's schema. */
export const assertValid = (name: string, value: unknown): void => {
  const validate = ajv.getSchema(`worker.schema.json#/$defs/${name}`);
  assert.ok(validate, `the schema has no "${name}"`);
  assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value).slice(0, 2_000)}`);
};

/** A Worker as the checks read it. */
export interface WorkerJson {
  readonly id: string;
  readonly status: string;
  readonly running: boolean;
  readonly error: null;
  readonly output_text: string;
  readonly messages: readonly {
    readonly id: string;
    readonly role: string;
    readonly parts: readonly { readonly type: string; readonly text?: string }[];
  }[];
  readonly metadata: Readonly<Record<string, unknown>> & { readonly job_id: string; readonly job_status: string };
  readonly files: readonly { readonly filename: string; readonly mediaType: string; readonly url: string }[];
  readonly usage?: Readonly<Record<string, number>>;
  readonly costs?: Readonly<Record<string, number>>;
}

export const SEED = { accept: 'application/json', 'x-stainless-package-version': '0.0.2' } as const;
export const NEWER = { accept: 'application/json', 'x-stainless-package-version': '0.14.0' } as const;
export const WORKER_ID = /^t_([A-Za-z0-9._:@-]{1,64})_w_[0-9A-HJKMNP-TV-Z]{26}$/;
export const ABSENT_ID = 't_default_w_01HZY2ZJQ8G7K42W2D7WF6V4GM';

/** Requests with one credential. Every error answer is held to the envelope and the headers that this family has. */
export class Caller {
  readonly target: Target;
  readonly credential: string;

  constructor(target: Target, credential: string = target.apiKey) {
    this.target = target;
    this.credential = credential;
  }

  async send(request: WireRequest): Promise<Answer> {
    const headers = { ...bearer(this.credential), ...request.headers };
    return checkAnswer(await send(this.target.url, { ...request, headers }));
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return await this.send({ path, headers });
  }

  async post(path: string, body: WireRequest['body'], headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return await this.send({
      method: 'POST',
      path,
      headers: { accept: 'application/json', ...headers },
      body: body ?? '',
    });
  }

  async create(
    body: Readonly<Record<string, unknown>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<WorkerJson> {
    return checkWorker(await this.post('/api/workers', body, headers));
  }

  async continue(id: string, body: Readonly<Record<string, unknown>>): Promise<WorkerJson> {
    return checkWorker(await this.post(`/api/workers/${id}`, body));
  }

  async worker(id: string): Promise<WorkerJson> {
    return checkWorker(await this.get(`/api/workers/${id}`));
  }

  /** The worker once nothing of it runs or waits: its stream ends by itself. */
  async ended(id: string): Promise<WorkerJson> {
    const answer = await this.get(`/api/workers/${id}/stream`);
    assert.ok([200, 204].includes(answer.status), answer.text);
    return await this.worker(id);
  }

  /** A new worker that has done this. */
  async worked(input: string): Promise<WorkerJson> {
    return await this.ended((await this.create({ input })).id);
  }

  async job(jobId: string): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.get(`/jobs/${jobId}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  /** Hands over the text of a stream as it comes; the answer resolves when the server has ended it, or the reader hangs up. */
  async stream(path: string, options: StreamOptions = {}): Promise<StreamAnswer> {
    const { url } = this.target;
    const { promise, resolve, reject } = Promise.withResolvers<StreamAnswer>();
    const headers = { ...bearer(this.credential), ...options.headers };
    const outgoing = startRequest(
      new URL(path, url),
      { method: options.method ?? 'GET', agent: false, headers },
      (response) => {
        let text = '';
        const finish = (): void => resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          if (options.until?.(text)) outgoing.destroy();
        });
        response.on('error', finish);
        response.on('close', finish);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body === undefined ? undefined : JSON.stringify(options.body));
    return await promise;
  }
}

export interface StreamOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Hangs up once the text satisfies this. */
  readonly until?: (text: string) => boolean;
}

export interface StreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** One event of a stream: a part, and the number that it came with. */
export interface StreamedPart {
  readonly id: number | null;
  readonly part: Readonly<Record<string, unknown>> & { readonly type: string };
}

/** Reads a stream as strictly as the contract writes it (section 6): fails at any line that it does not know. */
export const readParts = (text: string): readonly StreamedPart[] => {
  const parts: StreamedPart[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? '';
    if (line === ': hb' || (line === '' && at === lines.length - 1)) {
      at += 1;
      continue;
    }
    const id = /^id: (\d+)$/.exec(line)?.[1];
    const data = id === undefined ? line : (lines[at + 1] ?? '');
    assert.match(data, /^data: \{.*\}$/, `line ${at}`);
    const blank = at + (id === undefined ? 1 : 2);
    assert.equal(lines[blank], '', 'an event ends with a blank line');
    parts.push({ id: id === undefined ? null : Number(id), part: JSON.parse(data.slice(6)) as StreamedPart['part'] });
    at = blank + 1;
  }
  return parts;
};

export const typesOf = (text: string): readonly string[] => readParts(text).map(({ part }) => part.type);

/** What holds for every answer: CORS, a request id, and for errors the envelope and the headers about retries. */
export const checkAnswer = (answer: Answer): Answer => {
  assert.equal(answer.headers['access-control-allow-origin'], '*');
  assert.match(String(answer.headers['x-request-id']), /^[A-Za-z0-9._:-]{1,128}$/);
  if (
    answer.status < 400 ||
    answer.text === '' ||
    !String(answer.headers['content-type']).startsWith('application/json')
  )
    return answer;
  if ('ok' in answer.json) return answer;
  const { error, message, ...rest } = answer.json;
  assert.deepEqual([typeof error, typeof message, rest], ['string', 'string', {}], answer.text);
  const isSoon = answer.status === 409 || answer.status === 503 || error === 'rate_limited';
  assert.equal(answer.headers['x-should-retry'], isSoon ? undefined : 'false');
  if (isSoon) assert.match(String(answer.headers['retry-after']), /^([1-9]|[1-5]\d|60)$/);
  return answer;
};

export const checkWorker = (answer: Answer): WorkerJson => {
  assert.equal(answer.status, 200, answer.text);
  assert.match(String(answer.headers['content-type']), /^application\/json/);
  assertValid('Worker', answer.json);
  return JSON.parse(answer.text) as WorkerJson;
};

export const assertError = (answer: Answer, status: number, error: string, message?: string): void => {
  assert.deepEqual([answer.status, answer.json['error']], [status, error], answer.text);
  if (message !== undefined) assert.equal(answer.json['message'], message);
};
