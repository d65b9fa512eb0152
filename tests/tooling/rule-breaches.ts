/** One file that breaks one rule of the linter. */
export interface Breach {
  /** The rule as oxlint names it. */
  readonly rule: string;
  /** What is wrong, as the end of "is reported: …". */
  readonly what: string;
  /** Where the file stands in the planted repository. */
  readonly file: string;
  readonly source: string;
}

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n');

/** Files that the breaches import, and that break nothing themselves. */
export const SOUND_FILES: Readonly<Record<string, string>> = {
  'src/core/job.ts': 'export interface Job {\n  readonly id: string;\n}\n\nexport const firstJob: Job = { id: "1" };\n',
  'src/storage/jobs.ts':
    "import pg from 'pg';\n\nexport const pool = new pg.Pool();\nexport const COUNT = 'select count(*) from jobs';\nexport type Rows = 1;\n",
  'src/storage/sessions.ts': lines(6, (index) => `export const statement${index} = ${index};`),
  'src/actions/cancel-job.ts':
    "import { COUNT } from '../storage/jobs.ts';\n\nexport const cancelJob = (): string => COUNT;\n",
  'src/engine/dispatcher.ts':
    "import type { Sandbox } from '../sandboxes/sandbox.ts';\n\nexport const dispatch = (sandbox: Sandbox): Sandbox => sandbox;\n",
  'src/http/route.ts':
    "import { cancelJob } from '../actions/cancel-job.ts';\nimport type { Rows } from '../storage/jobs.ts';\n\nexport const route = (rows: Rows): [Rows, string] => [rows, cancelJob()];\n",
  'src/sandboxes/sandbox.ts':
    'export interface Sandbox {\n  readonly id: string;\n}\n\nexport const noSandbox = "Select a sandbox from the list, then update it";\n',
  'src/app/app.ts': "import { dispatch } from '../engine/dispatcher.ts';\n\nexport const app = dispatch;\n",
  'src/config.ts': "export const home = process.env['HOME'];\n",
  'src/cli/main.ts': "export const serve = async (): Promise<unknown> => await import('../app/app.ts');\n",
  'scripts/count.ts': "console.log('select count(*) from jobs', process.env['HOME']);\n",
};

const importing = (specifier: string): string =>
  `import * as imported from '${specifier}';\n\nexport const used = imported;\n`;

const layer = (what: string, file: string, specifier: string): Breach => ({
  rule: 'kazi/layers',
  what,
  file,
  source: importing(specifier),
});

const layers: readonly Breach[] = [
  layer('core imports storage', 'src/core/breach-storage.ts', '../storage/jobs.ts'),
  layer('core has an effect', 'src/core/breach-effect.ts', 'node:fs'),
  layer('storage imports an action', 'src/storage/breach-action.ts', '../actions/cancel-job.ts'),
  layer('an action imports the engine', 'src/actions/breach-engine.ts', '../engine/dispatcher.ts'),
  layer('the engine imports an adapter, not its type', 'src/engine/breach-adapter.ts', '../sandboxes/sandbox.ts'),
  layer('an adapter imports storage', 'src/sandboxes/breach-storage.ts', '../storage/jobs.ts'),
  layer('http imports values of storage', 'src/http/breach-storage.ts', '../storage/jobs.ts'),
  layer('the command line loads the server at once', 'src/cli/breach-app.ts', '../app/app.ts'),
  layer('a folder is not in the table', 'src/extras/breach-unknown.ts', '../core/job.ts'),
  layer('source imports tests', 'src/engine/breach-tests.ts', '../../tests/fixture.ts'),
  layer('pg is used outside storage', 'src/engine/breach-pg.ts', 'pg'),
  layer('the client imports the server', 'sdk/src/breach-server.ts', '../../src/core/job.ts'),
];

const sql = (name: string, statement: string): Breach => ({
  rule: 'kazi/sql',
  what: `SQL outside storage: ${statement.split('\n')[0] ?? ''}`,
  file: `src/engine/breach-${name}.ts`,
  source: `export const statement = \`${statement}\`;\n`,
});

const statements: readonly Breach[] = [
  sql('select', 'select id from jobs'),
  sql('insert', 'insert into jobs values (1)'),
  sql('update', "update jobs set state = 'queued'"),
  sql('delete', 'delete from jobs'),
  sql('with', 'with due as (select 1) select 2'),
  sql('notify', 'notify jobs'),
  {
    rule: 'kazi/sql',
    what: 'a long statement of storage is not in its own file',
    file: 'src/storage/breach-long.ts',
    source: 'export const statement = `select\n  a,\n  b,\n  c\nfrom jobs\nwhere a = b`;\n',
  },
];

const style: readonly Breach[] = [
  {
    rule: 'kazi/environment',
    what: 'process.env',
    file: 'src/engine/breach-environment.ts',
    source: "export const home = process.env['HOME'];\n",
  },
  {
    rule: 'kazi/environment',
    what: 'env of node:process',
    file: 'src/engine/breach-env-import.ts',
    source: "import { env } from 'node:process';\n\nexport const home = env['HOME'];\n",
  },
  {
    rule: 'kazi/file-name',
    what: 'a name that says nothing',
    file: 'src/engine/job-utils.ts',
    source: 'export const one = 1;\n',
  },
  {
    rule: 'kazi/file-name',
    what: 'a name in camelCase',
    file: 'src/engine/jobQueue.ts',
    source: 'export const one = 1;\n',
  },
  {
    rule: 'kazi/exports',
    what: 'four exported values',
    file: 'src/engine/breach-exports.ts',
    source: lines(4, (index) => `export const value${index} = ${index};`),
  },
  {
    rule: 'kazi/exports',
    what: 'a barrel',
    file: 'src/engine/breach-barrel.ts',
    source: "export { firstJob } from '../core/job.ts';\n",
  },
  {
    rule: 'kazi/module-state',
    what: 'a variable of the module',
    file: 'src/engine/breach-state.ts',
    source: 'let count = 0;\n\nexport const next = (): number => (count += 1);\n',
  },
  {
    rule: 'kazi/double-cast',
    what: 'a cast through unknown',
    file: 'src/engine/breach-cast.ts',
    source: 'export const one = "1" as unknown as number;\n',
  },
  {
    rule: 'import/no-cycle',
    what: 'a cycle of types',
    file: 'src/engine/breach-cycle-a.ts',
    source: "import type { B } from './breach-cycle-b.ts';\n\nexport type A = B | 1;\n",
  },
  {
    rule: 'import/no-cycle',
    what: 'its other half',
    file: 'src/engine/breach-cycle-b.ts',
    source: "import type { A } from './breach-cycle-a.ts';\n\nexport type B = A | 2;\n",
  },
  {
    rule: 'import/no-default-export',
    what: 'a default export',
    file: 'src/engine/breach-default.ts',
    source: 'export default 1;\n',
  },
  {
    rule: 'eslint/max-lines',
    what: 'a file over 400 lines',
    file: 'src/engine/breach-long-file.ts',
    source: `export const all = [\n${lines(400, (index) => `  ${index},`)}\n];\n`,
  },
  {
    rule: 'eslint/max-lines-per-function',
    what: 'a function over 60 lines',
    file: 'src/engine/breach-long-function.ts',
    source: `export function run(): number {\n  let sum = 0;\n${lines(60, (index) => `  sum += ${index};`)}\n  return sum;\n}\n`,
  },
  {
    rule: 'eslint/no-console',
    what: 'console in src',
    file: 'src/engine/breach-console.ts',
    source: "export const greet = (): void => console.log('hello');\n",
  },
  {
    rule: 'eslint/no-warning-comments',
    what: 'an open end in a comment',
    file: 'src/engine/breach-comment.ts',
    source: `// ${'TO'}DO: finish\nexport const one = 1;\n`,
  },
  {
    rule: 'typescript/no-explicit-any',
    what: 'any',
    file: 'src/engine/breach-any.ts',
    source: 'export const length = (value: any[]): number => value.length;\n',
  },
  {
    rule: 'typescript/ban-ts-comment',
    what: 'a silenced compiler',
    file: 'src/engine/breach-ignore.ts',
    source: '// @ts-ignore\nexport const one: string = 1;\n',
  },
  {
    rule: 'typescript/no-floating-promises',
    what: 'a promise that nobody awaits',
    file: 'src/engine/breach-floating.ts',
    source:
      'const wait = async (): Promise<void> => await Promise.resolve();\n\nexport const start = (): void => {\n  wait();\n};\n',
  },
  {
    rule: 'typescript/no-misused-promises',
    what: 'a promise as a condition',
    file: 'src/engine/breach-misused.ts',
    source: 'export const start = (done: Promise<boolean>): number => (done ? 1 : 2);\n',
  },
  {
    rule: 'typescript/switch-exhaustiveness-check',
    what: 'a forgotten state',
    file: 'src/engine/breach-switch.ts',
    source:
      "export function next(state: 'queued' | 'running'): void {\n  switch (state) {\n    case 'queued':\n      break;\n  }\n}\n",
  },
  {
    rule: 'typescript/no-unsafe-assignment',
    what: 'input that was not parsed',
    file: 'src/engine/breach-unsafe.ts',
    source: "export const read = (): number => {\n  const count = JSON.parse('1');\n  return Number(count);\n};\n",
  },
];

/** Every way to break the house style that the linter is meant to see. */
export const BREACHES: readonly Breach[] = [...layers, ...statements, ...style];
