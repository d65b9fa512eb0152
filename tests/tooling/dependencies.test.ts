import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { z } from 'zod';

const names = z.record(z.string(), z.string());
const manifestSchema = z.object({ dependencies: names, optionalDependencies: names, devDependencies: names });
const installedSchema = z.object({ license: z.string() });

const repository = new URL('../../', import.meta.url);
const readText = (file: string): string => readFileSync(new URL(file, repository), 'utf8');

const manifest = manifestSchema.parse(JSON.parse(readText('package.json')));
const pinned = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };

/** The rows of docs/dependencies.md: package → licence. */
const documented = new Map(
  [...readText('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|/gmu)].map(
    ([, name = '', licence = '']) => [name, licence] as const,
  ),
);

describe('docs/dependencies.md', () => {
  test('has a line for every package in package.json, and for no other', () => {
    assert.deepEqual([...documented.keys()].toSorted(), Object.keys(pinned).toSorted());
  });

  test('names the licence that each installed package states', () => {
    const installed = [...documented].filter(([name]) => existsSync(new URL(`node_modules/${name}`, repository)));
    const stated = installed.map(([name]) => [
      name,
      installedSchema.parse(JSON.parse(readText(`node_modules/${name}/package.json`))).license,
    ]);
    assert.deepEqual(installed, stated);
  });

  test('every version in package.json is exact', () => {
    const ranges = Object.entries(pinned).filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/u.test(version));
    assert.deepEqual(ranges, []);
  });
});
