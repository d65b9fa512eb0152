/**
 * Which folder of src may import which: the table behind rules 1 and 2 of the house style.
 *
 *   core <- storage <- actions <- engine <- realtime, http <- app <- cli
 *
 * An area is a folder of src, or a file that stands directly in it (`app`, `config`, `main`). A new folder has
 * to be entered here before anything in it may import or be imported.
 */

/** What one area may import, besides itself. */
export interface LayerRule {
  /** Areas whose values and types it may use. */
  readonly values: readonly string[];
  /** Areas of which it may use types only. */
  readonly types: readonly string[];
  /** Areas that it may load with `import()` only, when they are needed. */
  readonly lazily: readonly string[];
}

/** The interface file of each kind of adapter: what the rest of src may know of it, as types. */
const INTERFACES: readonly string[] = [
  'blobs/store',
  'egress/egress',
  'mail/mailer',
  'models/model',
  'runtimes/runtime',
  'sandboxes/sandbox',
  'workspaces/store',
  'workspaces/workspace',
];

const layer = (rule: Partial<LayerRule>): LayerRule => ({ values: [], types: [], lazily: [], ...rule });

const ADAPTER = layer({ values: ['core'], types: INTERFACES });

const LAYERS: Readonly<Record<string, LayerRule>> = {
  core: layer({}),
  config: layer({ values: ['core'] }),
  storage: layer({ values: ['core'] }),
  actions: layer({ values: ['core', 'storage'], types: INTERFACES }),
  engine: layer({ values: ['core', 'storage', 'actions'], types: INTERFACES }),
  // Realtime follows the event log from a cursor, which is a read without a rule: it asks storage itself.
  realtime: layer({ values: ['core', 'storage', 'actions'], types: ['engine'] }),
  // Http reaches rows through actions only; it may name their types.
  http: layer({ values: ['core', 'actions', 'realtime'], types: ['storage', 'engine', ...INTERFACES] }),
  blobs: ADAPTER,
  egress: ADAPTER,
  mail: ADAPTER,
  models: ADAPTER,
  postgres: ADAPTER,
  runtimes: ADAPTER,
  sandboxes: ADAPTER,
  secrets: ADAPTER,
  workspaces: ADAPTER,
  app: layer({
    values: ['core', 'config', 'storage', 'actions', 'engine', 'realtime', 'http'].concat([
      'blobs',
      'egress',
      'mail',
      'models',
      'postgres',
      'runtimes',
      'sandboxes',
      'secrets',
      'workspaces',
    ]),
  }),
  // What the operator does to an installation that is at rest.
  'rotate-vault-key': layer({ values: ['core', 'config', 'storage', 'actions', 'postgres', 'secrets'] }),
  // A client command must not load the server.
  cli: layer({
    values: ['core', 'config', 'sdk'],
    types: ['app'],
    lazily: ['app', 'models', 'postgres', 'rotate-vault-key', 'sandboxes', 'storage'],
  }),
  main: layer({ values: ['core', 'config', 'app'], lazily: ['cli'] }),
};

/** Packages that belong to one place; every other area uses them through it. */
export const PACKAGE_OWNERS: Readonly<Record<string, readonly string[]>> = {
  pg: ['storage', 'postgres'],
  fastify: ['http', 'app'],
  commander: ['cli'],
  croner: ['core'],
};

/** Modules with an effect on the world: core computes, and leaves these to the others. */
export const IMPURE_MODULES: readonly string[] = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'net',
  'process',
  'readline',
  'tls',
  'worker_threads',
].map((name) => `node:${name}`);

/** The rule of an area; undefined when the table does not know it. */
export function layerOf(area: string): LayerRule | undefined {
  return Object.hasOwn(LAYERS, area) ? LAYERS[area] : undefined;
}
