import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { BREACHES, SOUND_FILES } from './rule-breaches.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const lintReport = z.object({ diagnostics: z.array(z.object({ filename: z.string(), code: z.string() })) });

type Findings = z.infer<typeof lintReport>['diagnostics'];

/** Plants a small repository with our own configuration, and lints it in one run. */
function lintPlanted(folder: string, files: Readonly<Record<string, string>>): Findings {
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'scripts/lint']) {
    cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  }
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  for (const [file, source] of Object.entries(files)) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), source);
  }
  const oxlint = path.join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const { stdout, stderr } = spawnSync(process.execPath, [oxlint, '--format', 'json'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.ok(stdout.startsWith('{'), `oxlint printed no report: ${stdout}${stderr}`);
  return lintReport.parse(JSON.parse(stdout)).diagnostics;
}

describe('npm run lint', () => {
  let folder: string;
  let findings: Findings;

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'kazi-rules-'));
    const breaches = Object.fromEntries(BREACHES.map(({ file, source }) => [file, source]));
    findings = lintPlanted(folder, { ...SOUND_FILES, ...breaches });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const { rule, what, file } of BREACHES) {
    test(`${rule} reports ${what}`, () => {
      const [plugin, name] = rule.split('/');
      const codes = findings.filter(({ filename }) => filename === file).map(({ code }) => code);
      assert.ok(codes.includes(`${plugin}(${name})`), `found [${codes.join(', ')}] in ${file}`);
    });
  }

  test('reports nothing in files that keep the rules', () => {
    const wrong = findings.filter(({ filename }) => filename in SOUND_FILES || filename.startsWith('scripts/'));
    assert.deepEqual(wrong, []);
  });

  test('every rule of our own is broken by one of the planted files', async () => {
    const { default: plugin } = await import('../../scripts/lint/plugin.ts');
    const broken = new Set(BREACHES.map(({ rule }) => rule));
    for (const name of Object.keys(plugin.rules)) assert.ok(broken.has(`kazi/${name}`), `no breach of kazi/${name}`);
  });
});
