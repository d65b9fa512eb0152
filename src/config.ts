import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { KaziError } from './core/errors.ts';
import { nearestName } from './core/nearest-name.ts';
import { SETTINGS, type Setting, type SettingKey } from './core/settings.ts';

type SettingValue<S> = S extends Setting<infer T> ? T : never;
type Values = { readonly [K in SettingKey]: SettingValue<(typeof SETTINGS)[K]> };

/** The settings of one process, typed, complete and frozen. `dataDir` is absolute, `defaultAgent` is decided. */
export type Config = Omit<Values, 'defaultAgent'> & { readonly defaultAgent: string };

/** Everything that a configuration is made of. */
export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Options of the command line by setting key; undefined for those not given. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  /** The file named by `--config`, unparsed; null without one. */
  readonly file: { readonly path: string; readonly text: string } | null;
  readonly workingFolder: string;
}

export interface CommandLine {
  readonly flags: ConfigSources['flags'];
  readonly configFile?: string | undefined;
}

/** One place that may set a setting, strongest first when listed. */
interface Source {
  readonly label: string;
  readonly read: (key: SettingKey) => unknown;
  readonly nameOf: (key: SettingKey) => string;
  readonly unknownNames: readonly string[];
}

const KEYS = Object.keys(SETTINGS).filter((key): key is SettingKey => key in SETTINGS);

/** The configuration of this process: command line, then environment, then file. Throws INVALID_CONFIG. */
export const readConfig = ({ flags, configFile }: CommandLine): Config =>
  loadConfig({
    env: process.env,
    flags,
    file: configFile === undefined ? null : readConfigFile(configFile),
    workingFolder: process.cwd(),
  });

/** Builds a configuration. Throws one INVALID_CONFIG whose message lists every fault of every source. */
export const loadConfig = (sources: ConfigSources): Config => {
  const faults: string[] = [];
  const layers = [flagSource(sources), environmentSource(sources), ...fileSource(sources, faults)];
  for (const layer of layers) faults.push(...unknownNameFaults(layer));
  const entries = KEYS.map((key) => [key, settle({ key, layers, faults })] as const);
  if (faults.length > 0) throw new KaziError('INVALID_CONFIG', { message: describeFaults(faults) });
  // Each value has just been parsed by the kind of its own setting.
  const values = Object.fromEntries(entries) as Values;
  return Object.freeze({
    ...values,
    dataDir: resolve(sources.workingFolder, values.dataDir),
    defaultAgent: values.defaultAgent ?? (values.model === null ? 'shell' : 'default'),
  });
};

/** The variable that a command was told to take a secret from; null when it is unset or blank. */
export const readVariable = (name: string): string | null => process.env[name]?.trim() || null;

const readConfigFile = (path: string): ConfigSources['file'] => {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (cause) {
    const message = `The configuration file "${path}" cannot be read. Expected a JSON file; name another with --config.`;
    throw new KaziError('INVALID_CONFIG', { message }, { cause });
  }
};

const flagSource = ({ flags }: ConfigSources): Source => ({
  label: 'command line',
  read: (key) => flags[key],
  nameOf: (key) => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  unknownNames: Object.keys(flags).filter((name) => flags[name] !== undefined && !Object.hasOwn(SETTINGS, name)),
});

const environmentSource = ({ env }: ConfigSources): Source => {
  const known = new Set(KEYS.map((key) => SETTINGS[key].variable));
  return {
    label: 'environment',
    // Compose files and CI systems cannot unset a variable, only empty it.
    read: (key) => env[SETTINGS[key].variable] || undefined,
    nameOf: (key) => SETTINGS[key].variable,
    unknownNames: Object.keys(env).filter((name) => name.startsWith('KAZI_') && env[name] && !known.has(name)),
  };
};

/** No source when there is no file, or when its text is unusable (then a fault is added). */
const fileSource = ({ file }: ConfigSources, faults: string[]): readonly Source[] => {
  if (file === null) return [];
  const content = parseFile(file.text);
  if (content === null) {
    faults.push(`"${file.path}": found something else, expected one JSON object of settings.`);
    return [];
  }
  return [
    {
      label: `"${file.path}"`,
      read: (key) => (Object.hasOwn(content, key) ? (content[key] ?? undefined) : undefined),
      nameOf: (key) => key,
      unknownNames: Object.keys(content).filter((name) => !Object.hasOwn(SETTINGS, name)),
    },
  ];
};

const parseFile = (text: string): Readonly<Record<string, unknown>> | null => {
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== 'object' || content === null || Array.isArray(content)) return null;
    return content as Readonly<Record<string, unknown>>;
  } catch {
    // The caller reports it together with the other faults; the parser's own words would quote secrets of the file.
    return null;
  }
};

const unknownNameFaults = ({ label, nameOf, unknownNames }: Source): readonly string[] => {
  const known = KEYS.map(nameOf);
  return unknownNames.map((name) => {
    const near = nearestName(name, known);
    const hint = near === null ? 'docs/config.md lists the known ones.' : `did you mean "${near}"?`;
    return `"${name}" (${label}): found an unknown setting, ${hint}`;
  });
};

interface Settlement {
  readonly key: SettingKey;
  readonly layers: readonly Source[];
  readonly faults: string[];
}

/** The value of one setting out of its strongest source. Weaker sources are checked too: a hidden fault surfaces later. */
const settle = ({ key, layers, faults }: Settlement): unknown => {
  const { kind, fallback, isSecret }: Setting<unknown> = SETTINGS[key];
  const values = layers.flatMap((layer) => {
    const found = layer.read(key);
    if (found === undefined) return [];
    const value = isPlain(found) ? kind.parse(String(found)) : null;
    if (value !== null) return [value];
    faults.push(`${layer.nameOf(key)} (${layer.label}): found ${show(found, isSecret)}, expected ${kind.expected}.`);
    return [];
  });
  return values.length > 0 ? values[0] : fallback;
};

const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const show = (found: unknown, isSecret: true | undefined): string => {
  if (!isPlain(found)) return Array.isArray(found) ? 'a list' : 'an object';
  return isSecret ? `a value of ${String(found).length} characters` : JSON.stringify(String(found));
};

const describeFaults = (faults: readonly string[]): string => {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  return `The configuration has ${count}; nothing was started.\n${faults.map((fault) => `  - ${fault}`).join('\n')}`;
};
