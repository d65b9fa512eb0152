import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { Logger } from 'pino';
import { KaziError } from '../core/errors.ts';

export interface DatabaseOptions {
  readonly url: string;
  /** Most connections that this node holds at once. */
  readonly maxConnections: number;
  readonly log: Logger;
  /** How long an answer is waited for, 30 s when absent: a connection may be dead without saying so. */
  readonly queryTimeoutMs?: number;
}

/** Something that runs a statement of storage/: the database, or one transaction of it. */
export interface Queryable {
  /**
   * Runs storage/<name>.sql as a prepared statement. The row type is the caller's word, given beside the statement;
   * tests/storage prepares every file, and each storage function has a test that reads its rows.
   * Throws KaziError DATABASE_UNAVAILABLE when the server cannot be reached.
   */
  query<Row>(name: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

/** PostgreSQL's own classes for a server that went away or is not up yet, and the codes of a broken socket. */
const UNAVAILABLE = /^(08|57P0|53300|ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN)/;

/** True when the statement may simply be sent again later: the server was not reachable, or cut the connection. */
export const isDatabaseUnavailable = (error: unknown): boolean => {
  if (error instanceof KaziError) return error.code === 'DATABASE_UNAVAILABLE';
  if (!(error instanceof Error)) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return (
    UNAVAILABLE.test(code) ||
    /Connection terminated|timeout expired|timeout exceeded when trying|Query read timeout|Client has encountered a connection error/.test(
      error.message,
    )
  );
};

const statementsFolder = new URL('./', import.meta.url);

/** OID of bigint[] in pg_type; the driver has names for single values only. */
const INT8_ARRAY: number = 1016;
const parseTexts = pg.types.getTypeParser(INT8_ARRAY) as (text: string) => string[];

/** int8 counts and numbers stay below 2^53 here, so they are numbers, in arrays too; timestamps are Dates. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    if (oid === pg.types.builtins.INT8) return Number;
    if (Number(oid) === INT8_ARRAY) return (text: string) => parseTexts(text).map(Number);
    return pg.types.getTypeParser(oid, format) as (text: string) => unknown;
  },
};

/** The pool of one node, and the statements that it has read. Started by use, stopped by end(). */
export class Database implements Queryable {
  readonly #pool: pg.Pool;
  readonly #texts = new Map<string, string>();
  readonly #log: Logger;
  readonly url: string;

  constructor(options: DatabaseOptions) {
    this.url = options.url;
    this.#log = options.log;
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.maxConnections,
      connectionTimeoutMillis: 5_000,
      query_timeout: options.queryTimeoutMs ?? 30_000,
      idleTimeoutMillis: 0,
      keepAlive: true,
      application_name: 'kazi',
      types,
    });
    // An idle connection that breaks is replaced at its next use; without a listener it would end the process.
    // Its message alone: the driver hangs the whole client on the error.
    this.#pool.on('error', (error) => this.#log.warn({ reason: error.message }, 'an idle database connection broke'));
    // The pool listens to idle connections only, and whoever takes one begins to listen a moment later; one that breaks in
    // between fails the next statement.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  async query<Row>(name: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return await this.#send<Row>(this.#pool, name, parameters);
  }

  /** Runs the work in one transaction; rolls back and rethrows when it throws. Never wait for a network inside. */
  async transaction<Result>(work: (tx: Queryable) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    let broken: Error | undefined;
    const onBreak = (error: Error): void => {
      broken = error;
    };
    client.on('error', onBreak);
    try {
      await client.query('begin');
      const result = await work({
        query: async <Row>(name: string, parameters: readonly unknown[] = []) =>
          await this.#send<Row>(client, name, parameters),
      });
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch((cause: Error) => {
        broken = cause;
      });
      throw unavailable(error);
    } finally {
      client.off('error', onBreak);
      client.release(broken);
    }
  }

  /** Closes all connections; safe twice. */
  async end(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end();
  }

  async #send<Row>(target: pg.Pool | pg.PoolClient, name: string, parameters: readonly unknown[]): Promise<Row[]> {
    try {
      const result = await target.query({ name, text: this.#text(name), values: parameters as unknown[] });
      return result.rows as Row[];
    } catch (error) {
      throw unavailable(error);
    }
  }

  #text(name: string): string {
    let text = this.#texts.get(name);
    if (text === undefined) {
      text = readFileSync(new URL(`${name}.sql`, statementsFolder), 'utf8');
      this.#texts.set(name, text);
    }
    return text;
  }
}

const unavailable = (error: unknown): unknown =>
  isDatabaseUnavailable(error) && !(error instanceof KaziError)
    ? new KaziError('DATABASE_UNAVAILABLE', {}, { cause: error })
    : error;
