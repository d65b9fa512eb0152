/**
 * `npm run sql`: names and numbers of the migrations, squawk over them (.squawk.toml), and the header that every
 * statement file of src/storage needs: what it does, its parameters, the index it uses. That every statement of the source prepares against the migrated
 * database is a test (tests/storage/prepare-statements.test.ts), because it needs a database.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const MIGRATION_NAME = /^\d{4}_[a-z]+(_[a-z0-9]+)+\.sql$/u;

const migrations = readdirSync('migrations').filter((name) => name.endsWith('.sql') && name !== 'schema.sql');
const numbers = migrations.map((name) => name.slice(0, 4));
const statements = readdirSync('src/storage', { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.sql'),
);

const faults = [
  ...migrations
    .filter((name) => !MIGRATION_NAME.test(name))
    .map((name) => `found migration "${name}", expected NNNN_verb_noun.sql such as 0002_add_deliveries.sql`),
  ...numbers
    .filter((number, index) => numbers.indexOf(number) !== index)
    .map((number) => `found two migrations numbered "${number}", expected one: give the later one the next number`),
  ...statements
    .filter((name) => !readFileSync(`src/storage/${name}`, 'utf8').startsWith('--'))
    .map((name) => `found no header in src/storage/${name}, expected a comment: what it does, parameters, index used`),
];
for (const fault of faults) process.stdout.write(`${fault}\n`);

const squawk = spawnSync(
  process.execPath,
  ['node_modules/squawk-cli/js/bin/squawk', ...migrations.map((name) => `migrations/${name}`)],
  { stdio: 'inherit' },
);
process.exitCode = faults.length === 0 && squawk.status === 0 ? 0 : 1;
