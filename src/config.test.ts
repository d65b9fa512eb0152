import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ConfigSources, loadConfig } from './config.ts';
import { isKaziError } from './core/errors.ts';
import { SETTINGS } from './core/settings.ts';

const load = (sources: Partial<Omit<ConfigSources, 'file'>> & { readonly file?: unknown } = {}) => {
  const { file, env = {}, flags = {}, workingFolder = '/work folder' } = sources;
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  return loadConfig({ env, flags, workingFolder, file: file === undefined ? null : { path: 'kazi.json', text } });
};

/** The faults that loading reports, one a line, without the headline. */
const faultsOf = (sources: Parameters<typeof load>[0]): string[] => {
  try {
    load(sources);
    return [];
  } catch (error) {
    if (!isKaziError(error, 'INVALID_CONFIG')) throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.replace('  - ', ''));
  }
};

describe('defaults', () => {
  test('nothing needs to be set', () => {
    const config = load();
    assert.equal(config.host, '127.0.0.1');
    assert.equal(config.port, 7420);
    assert.equal(config.databaseUrl, null);
    assert.equal(config.dataDir, '/work folder/.kazi');
    assert.deepEqual([config.leaseMs, config.runnerConcurrency, config.tenantConcurrency], [10_000, 100, 50]);
    assert.deepEqual([config.jobTimeoutMs, config.maxAttempts, config.pollMs], [3_600_000, 3, 1000]);
    assert.deepEqual([config.databasePool, config.drainMs, config.role], [10, 30_000, 'all']);
  });

  test('the agent of a job that names none depends on whether a model is configured', () => {
    assert.equal(load().defaultAgent, 'shell');
    assert.equal(load({ env: { KAZI_MODEL: 'openai/gpt-5' } }).defaultAgent, 'default');
    assert.equal(load({ env: { KAZI_DEFAULT_AGENT: 'research' } }).defaultAgent, 'research');
  });

  test('a configuration cannot be changed afterwards', () => {
    assert.ok(Object.isFrozen(load()));
  });

  test('every fallback is a value that its own kind accepts', () => {
    for (const { kind, fallback } of Object.values(SETTINGS)) {
      if (fallback !== null) assert.equal(kind.parse(String(fallback)), fallback);
    }
  });
});

describe('sources', () => {
  test('flags win over the environment, the environment over the file', () => {
    const file = { port: 1, host: 'file', logLevel: 'warn' };
    const env = { KAZI_PORT: '2', KAZI_HOST: 'environment' };
    const config = load({ file, env, flags: { port: '3', host: undefined } });
    assert.deepEqual([config.port, config.host, config.logLevel], [3, 'environment', 'warn']);
  });

  test('the file may hold numbers and booleans, as such or as text', () => {
    assert.equal(load({ file: { allowPrivateWebhooks: true } }).allowPrivateWebhooks, true);
    assert.equal(load({ file: { leaseMs: '5000' } }).leaseMs, 5000);
  });

  test('an empty variable and a null in the file count as absent', () => {
    const config = load({ env: { KAZI_PORT: '', KAZI_UNHEARD_OF: '' }, file: { port: null } });
    assert.equal(config.port, 7420);
  });

  test('an absolute data folder is kept', () => {
    assert.equal(load({ env: { KAZI_DATA_DIR: '/srv/kazi' } }).dataDir, '/srv/kazi');
  });

  test('the database may be named by the folder of its socket, with a user and without a host', () => {
    const url = 'postgresql://kazi:secret@/kazi?host=%2Frun%2Fpostgresql&port=5432';
    assert.equal(load({ env: { DATABASE_URL: url } }).databaseUrl, url);
  });

  test('variables of other programs are none of our business', () => {
    assert.deepEqual(faultsOf({ env: { PATH: '/bin', OPENAI_ORGANISATION: 'x' } }), []);
  });
});

describe('faults', () => {
  const cases: readonly [string, Parameters<typeof load>[0], string][] = [
    [
      'a word for a number',
      { env: { KAZI_PORT: 'abc' } },
      'KAZI_PORT (environment): found "abc", expected a port from 0 to 65535.',
    ],
    [
      'a number out of bounds',
      { env: { KAZI_PORT: '70000' } },
      'KAZI_PORT (environment): found "70000", expected a port from 0 to 65535.',
    ],
    [
      'a fraction',
      { file: { leaseMs: 1.5 } },
      'leaseMs ("kazi.json"): found "1.5", expected a whole number from 1000 to 86400000.',
    ],
    [
      'a loose boolean',
      { env: { KAZI_ALLOW_PRIVATE_WEBHOOKS: 'yes' } },
      'KAZI_ALLOW_PRIVATE_WEBHOOKS (environment): found "yes", expected true or false.',
    ],
    [
      'an unknown word',
      { flags: { role: 'boss' } },
      '--role (command line): found "boss", expected one of all, api, runner.',
    ],
    [
      'a bare model name',
      { env: { KAZI_MODEL: 'gpt-5' } },
      'KAZI_MODEL (environment): found "gpt-5", expected provider/model.',
    ],
    [
      'a foreign protocol',
      { env: { ANTHROPIC_BASE_URL: 'ftp://x' } },
      'ANTHROPIC_BASE_URL (environment): found "ftp://x", expected a URL that begins with http:// or https://.',
    ],
    ['a list in the file', { file: { host: ['a'] } }, 'host ("kazi.json"): found a list, expected text.'],
    [
      'a file that is no object',
      { file: '[]' },
      '"kazi.json": found something else, expected one JSON object of settings.',
    ],
    [
      'a file that is no JSON',
      { file: '{' },
      '"kazi.json": found something else, expected one JSON object of settings.',
    ],
    [
      'a misspelt variable',
      { env: { KAZI_PROT: '1' } },
      '"KAZI_PROT" (environment): found an unknown setting, did you mean "KAZI_PORT"?',
    ],
    [
      'a misspelt key',
      { file: { datadir: 'x' } },
      '"datadir" ("kazi.json"): found an unknown setting, did you mean "dataDir"?',
    ],
    [
      'an unknown variable',
      { env: { KAZI_QWERTYUIOP: '1' } },
      '"KAZI_QWERTYUIOP" (environment): found an unknown setting, docs/config.md lists the known ones.',
    ],
    [
      'a name out of the prototype',
      { file: '{"__proto__":1}' },
      '"__proto__" ("kazi.json"): found an unknown setting, docs/config.md lists the known ones.',
    ],
  ];
  for (const [name, sources, expected] of cases) {
    test(`${name} is reported`, () => assert.deepEqual(faultsOf(sources), [expected]));
  }

  test('every fault of every source is listed at once, also those of an overruled source', () => {
    const faults = faultsOf({ flags: { port: '1' }, env: { KAZI_PORT: 'x', KAZI_LEASE_MS: '0' }, file: { prot: 1 } });
    assert.equal(faults.length, 3);
  });

  test('the value of a secret is never shown', () => {
    const env = { KAZI_API_KEY: 'kz_hunter2', KAZI_SECRETS_KEY: 'aHVudGVyMg==', DATABASE_URL: 'mysql://u:hunter2@h/d' };
    const faults = faultsOf({ env }).join('\n');
    assert.doesNotMatch(faults, /hunter2|aHVudGVyMg/);
    assert.match(faults, /KAZI_API_KEY \(environment\): found a value of 10 characters, expected kz_ and at least 32/);
    assert.equal(faults.split('\n').length, 3);
  });
});
