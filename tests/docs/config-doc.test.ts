import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { renderConfigDoc } from '../../scripts/write-config-doc.ts';

test('docs/config.md says what the table of settings says', async () => {
  const written = await readFile(new URL('../../docs/config.md', import.meta.url), 'utf8');
  assert.equal(written, renderConfigDoc(), 'docs/config.md is stale; run: node scripts/write-config-doc.ts');
});
