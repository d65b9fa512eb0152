import { totalmem } from 'node:os';
import { KaziError } from '../core/errors.ts';

export type PostgresSettings = Readonly<Record<string, string>>;

const MEGABYTE = 1024 * 1024;

/** Where the files are is fixed by the folder that PostgreSQL is started in. */
const UNTOUCHABLE = ['data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file'];

/** Settings that the supervisor itself depends on: where the socket is, and how it reads the log. */
const supervised = (socketDir: string): PostgresSettings => ({
  port: '5432',
  unix_socket_directories: `"${socketDir}"`,
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '',
  log_min_messages: 'warning',
  lc_messages: 'C',
});

/**
 * Defaults for kazi's load on a small machine: many short transactions that each update a few queue rows. Durability
 * stays on. WAL is not compressed: the shipped builds have no lz4, and full-page images are rare with checkpoints this
 * far apart.
 */
const tuned = (memoryBytes: number): PostgresSettings => ({
  listen_addresses: '',
  max_connections: '120',
  shared_buffers: memoryBytes >= 4096 * MEGABYTE ? '512MB' : '128MB',
  effective_cache_size: `${Math.max(256, Math.floor(memoryBytes / MEGABYTE / 2))}MB`,
  fsync: 'on',
  synchronous_commit: 'on',
  max_wal_size: '4GB',
  // See cluster.ts: p99 of a newcomer's first job under full load 40 ms, 79 with the default of both (2 cores, ext4).
  wal_init_zero: 'off',
  checkpoint_timeout: '15min',
  // Queue tables turn over all the time; a vacuum that comes late leaves dead rows in the way of every claim.
  autovacuum_naptime: '10s',
  autovacuum_vacuum_scale_factor: '0.05',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  random_page_cost: '1.1',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // Statements and row values can hold what customers sent; neither belongs in a log.
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  cluster_name: 'kazi',
});

/** Memory that this process may use: the container's limit where there is one. */
export const availableMemory = (): number => {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
};

/** The whole postgresql.conf. Throws INVALID_CONFIG when an override names a setting that the supervisor depends on. */
export const renderSettings = (options: {
  readonly memoryBytes: number;
  readonly socketDir: string;
  readonly overrides: PostgresSettings;
}): string => {
  const fixed = supervised(options.socketDir);
  for (const [name, value] of Object.entries(options.overrides)) {
    if (!/^[a-z][a-z0-9_.]*$/.test(name)) {
      throw invalid(name, value, 'a PostgreSQL setting: lower-case letters, digits, "_" and "."');
    }
    if (name in fixed || UNTOUCHABLE.includes(name)) {
      throw invalid(name, value, 'a setting other than those that kazi needs to supervise the database; leave it out');
    }
    if (/[\r\n]/.test(value)) throw invalid(name, value, 'a value on one line');
  }
  const settings = { ...tuned(options.memoryBytes), ...options.overrides, ...fixed };
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`,
  );
  return `# Written by kazi at every start: change settings in kazi, not here.\n${lines.join('\n')}\n`;
};

const invalid = (name: string, value: string, expected: string): KaziError =>
  new KaziError('INVALID_CONFIG', {
    message: `Embedded PostgreSQL setting "${name}": found "${value}", expected ${expected}.`,
  });
