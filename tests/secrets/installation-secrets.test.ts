import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { isWellFormedApiKey } from '../../src/core/api-key.ts';
import { forgetPreviousKeys, loadOrCreateSecrets, rotateKeptKey } from '../../src/secrets/installation-secrets.ts';

const NOTHING = { apiKey: null, sessionSigningSecret: null, secretsKey: null };
const ALL = {
  apiKey: `kz_${'a'.repeat(32)}`,
  sessionSigningSecret: 's',
  secretsKey: Buffer.alloc(32, 1).toString('base64'),
};

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kazi secrets '));
});
after(() => rm(folder, { recursive: true, force: true }));

const newDataDir = async () => join(await mkdtemp(join(folder, 'data-')), '.kazi');

test('the first start generates every secret, later ones find them again', async () => {
  const dataDir = await newDataDir();
  const first = await loadOrCreateSecrets(dataDir, NOTHING);
  assert.ok(isWellFormedApiKey(first.apiKey));
  assert.deepEqual([first.keyring.current.length, first.keyring.previous], [32, []]);
  assert.equal(Buffer.from(first.sessionSigningSecret, 'base64url').length, 32);
  const second = await loadOrCreateSecrets(dataDir, NOTHING);
  assert.deepEqual(second, { ...first, newApiKeyPath: null });
});

test('only the start that generated the key announces where it is', async () => {
  const dataDir = await newDataDir();
  const { apiKey, newApiKeyPath } = await loadOrCreateSecrets(dataDir, NOTHING);
  assert.equal(newApiKeyPath, join(dataDir, 'secrets', 'api-key'));
  assert.equal(await readFile(newApiKeyPath, 'utf8'), `${apiKey}\n`);
});

test('the files are for this user only, and a file that was opened to others is closed', async () => {
  const dataDir = await newDataDir();
  await loadOrCreateSecrets(dataDir, NOTHING);
  const secrets = join(dataDir, 'secrets');
  await chmod(join(secrets, 'api-key'), 0o644);
  await loadOrCreateSecrets(dataDir, NOTHING);
  const names = (await readdir(secrets)).sort();
  assert.deepEqual(names, ['api-key', 'secrets-key', 'session-signing-secret']);
  for (const name of names) assert.equal((await stat(join(secrets, name))).mode & 0o777, 0o600);
  assert.equal((await stat(secrets)).mode & 0o777, 0o700);
});

test('configured values win and are written nowhere', async () => {
  const dataDir = await newDataDir();
  const secrets = await loadOrCreateSecrets(dataDir, ALL);
  assert.deepEqual([secrets.apiKey, secrets.sessionSigningSecret, secrets.newApiKeyPath], [ALL.apiKey, 's', null]);
  assert.deepEqual(secrets.keyring, { current: Buffer.alloc(32, 1), previous: [] });
  assert.deepEqual(await readdir(join(dataDir, 'secrets')), []);
});

test('processes that start at once on one folder agree, and one of them announces the key', async () => {
  const dataDir = await newDataDir();
  const module = new URL('../../src/secrets/installation-secrets.ts', import.meta.url).href;
  const script = `
    const { loadOrCreateSecrets } = await import(${JSON.stringify(module)});
    console.log(JSON.stringify(await loadOrCreateSecrets(${JSON.stringify(dataDir)}, ${JSON.stringify(NOTHING)})));`;
  const start = async () =>
    (await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])).stdout;
  const lines = await Promise.all([start(), start(), start()]);
  const outputs = lines.map((line) => JSON.parse(line) as { readonly newApiKeyPath: string | null });
  assert.equal(outputs.filter((output) => output.newApiKeyPath !== null).length, 1);
  assert.equal(new Set(outputs.map((output) => JSON.stringify({ ...output, newApiKeyPath: null }))).size, 1);
  assert.equal((await readdir(join(dataDir, 'secrets'))).length, 3);
});

test('calls that race inside one process agree as well', async () => {
  const dataDir = await newDataDir();
  const all = await Promise.all(Array.from({ length: 10 }, () => loadOrCreateSecrets(dataDir, NOTHING)));
  assert.equal(new Set(all.map((each) => each.apiKey)).size, 1);
  assert.equal(all.filter((each) => each.newApiKeyPath !== null).length, 1);
});

test('a damaged file stops the start and is named, its content is not shown', async () => {
  const dataDir = await newDataDir();
  await loadOrCreateSecrets(dataDir, NOTHING);
  await writeFile(join(dataDir, 'secrets', 'secrets-key'), 'hunter2');
  await assert.rejects(loadOrCreateSecrets(dataDir, NOTHING), (error: Error) => {
    assert.match(error.message, /secrets-key" is damaged: found 7 characters, expected 32 bytes in base64/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

test('a rotation makes a new key and keeps the old ones to open what they sealed, until they are forgotten', async () => {
  const dataDir = await newDataDir();
  const { keyring: first } = await loadOrCreateSecrets(dataDir, NOTHING);
  const second = await rotateKeptKey(dataDir);
  assert.deepEqual(second.previous, [first.current]);
  assert.deepEqual((await loadOrCreateSecrets(dataDir, NOTHING)).keyring, second);
  const third = await rotateKeptKey(dataDir);
  assert.deepEqual(third.previous, [second.current, first.current]);
  assert.equal((await stat(join(dataDir, 'secrets', 'previous-secrets-keys'))).mode & 0o777, 0o600);
  await forgetPreviousKeys(dataDir);
  await forgetPreviousKeys(dataDir);
  assert.deepEqual((await loadOrCreateSecrets(dataDir, NOTHING)).keyring, { ...third, previous: [] });
});

test('keys before a configured one come from the configuration alone', async () => {
  const dataDir = await newDataDir();
  await rotateKeptKey(dataDir);
  assert.deepEqual((await loadOrCreateSecrets(dataDir, ALL)).keyring.previous, []);
  const before = [Buffer.alloc(32, 2), Buffer.alloc(32, 3)];
  const previousSecretsKeys = before.map((key) => key.toString('base64')).join(', ');
  assert.deepEqual((await loadOrCreateSecrets(dataDir, { ...ALL, previousSecretsKeys })).keyring.previous, before);
});
