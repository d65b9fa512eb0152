/**
 * What each npm script runs, as arguments of the pinned Node. A script that its author has not written yet
 * fails with Node's own "Cannot find module", which names the file to write.
 */
const BIOME = 'node_modules/@biomejs/biome/bin/biome';

/** Task name (as in package.json) → arguments of node; what the user adds follows them. */
export const TASKS = {
  test: ['scripts/run-tests.ts'],
  proofs: ['scripts/run-tests.ts', '--proofs'],
  demo: ['scripts/demo.ts'],
  bench: ['bench/main.ts'],
  chaos: ['tests/chaos/main.ts'],
  conformance: ['tests/wire/main.ts'],
  check: ['scripts/check.ts'],
  'dump-schema': ['scripts/dump-schema.ts'],
  format: [BIOME, 'check', '--write', '.'],
  'format:check': [BIOME, 'check', '.'],
  lint: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings', '--report-unused-disable-directives'],
  types: ['node_modules/typescript/bin/tsc', '--noEmit', '--project', '.'],
  sql: ['scripts/check-sql.ts'],
  'dead-code': ['node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints'],
};
