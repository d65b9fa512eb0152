/** Installs the npm dependencies when they are missing or belong to another package-lock.json. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withInstallLock } from './install-lock.mjs';

// Install scripts stay off for every npm version alike (see .npmrc); the dev and optional dependencies are
// named because NODE_ENV=production or an `omit` in the user's npmrc would leave them out.
const NPM_OPTIONS = [
  '--ignore-scripts',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
];

/** Returns once node_modules matches package-lock.json. Safe when several processes call it at once. */
export async function ensureInstalled({ root, say }) {
  if (isInstalled(root) || isInstalledByHand(root)) {
    if (isStampOlder(root)) writeStamp(root);
    return;
  }
  await withInstallLock({ root, say }, async (nameProcess) => {
    if (isInstalled(root)) return; // Another process did it while we waited.
    await install({ root, say, nameProcess });
    writeStamp(root);
  });
}

const stampPath = (root) => path.join(root, 'node_modules', '.kazi-installed');
const lockfilePath = (root) => path.join(root, 'package-lock.json');

/** What the stamp holds: the lock file and the machine that node_modules was filled for. */
function fingerprint(root) {
  const lockfile = existsSync(lockfilePath(root)) ? readFileSync(lockfilePath(root)) : 'none';
  const digest = createHash('sha256').update(lockfile).digest('hex');
  return `${digest} ${process.platform}-${process.arch}\n`;
}

function isInstalled(root) {
  return existsSync(stampPath(root)) && readFileSync(stampPath(root), 'utf8') === fingerprint(root);
}

/** `bin/kazi` calls us whenever the lock file is newer than the stamp, be its content the same or not. */
function isStampOlder(root) {
  const changedAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return changedAt(stampPath(root)) <= changedAt(lockfilePath(root));
}

function writeStamp(root) {
  try {
    writeFileSync(stampPath(root), fingerprint(root));
  } catch (error) {
    // A clone that another user installed may be read-only to us: it is then compared again at each start.
    if (error.code !== 'EACCES' && error.code !== 'EROFS') throw error;
  }
}

/**
 * Whether `npm ci` or `npm install` was run by hand and left exactly what package-lock.json asks for.
 * npm records what it installed in a lock file of its own, as the last thing it does. The optional packages
 * of other platforms are never in it, so only what is there, and what is not optional, is compared.
 */
function isInstalledByHand(root) {
  const recordPath = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(recordPath) || !existsSync(lockfilePath(root))) return false;
  const installed = JSON.parse(readFileSync(recordPath, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(lockfilePath(root), 'utf8')).packages;
  const isSame = (name) => installed[name]?.version === wanted[name]?.version;
  const isNeeded = (name) =>
    name === `node_modules/node-${process.platform}-${process.arch}` || (name !== '' && !wanted[name].optional);
  return Object.keys(installed).every(isSame) && Object.keys(wanted).filter(isNeeded).every(isSame);
}

async function install({ root, say, nameProcess }) {
  const startedAt = Date.now();
  const reason = existsSync(path.join(root, 'node_modules'))
    ? 'node_modules is out of date'
    : 'first run in this folder';
  say(`${reason}: installing dependencies, about 15 seconds on a fast network …`);
  const code = existsSync(lockfilePath(root)) ? await runNpm({ root, nameProcess }, 'ci') : 'no package-lock.json';
  if (code !== 0) {
    // The usual causes are a package.json edited without its lock file, and a registry that lacks a pinned version.
    say(`"npm ci" did not do (${code}, see above); trying "npm install", which may choose other versions …`);
    const secondCode = await runNpm({ root, nameProcess }, 'install', '--no-package-lock');
    if (secondCode !== 0) {
      throw new Error(`npm could not install the dependencies (exit code ${secondCode}); its messages are above`);
    }
  }
  say(`dependencies installed in ${Math.round((Date.now() - startedAt) / 1000)} s`);
}

/** npm's output goes to stderr, so that the caller's stdout stays clean. Resolves to the exit code. */
function runNpm({ root, nameProcess }, command, ...options) {
  // Under `npm run` the running npm names itself, which is the very one the user called.
  const npm = process.env.npm_execpath?.endsWith('.js') ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [executable, ...commandArguments] = [...npm, command, ...options, ...NPM_OPTIONS];
  return new Promise((resolve, reject) => {
    const child = spawn(executable, commandArguments, { cwd: root, stdio: ['ignore', process.stderr, process.stderr] });
    if (child.pid !== undefined) nameProcess(child.pid);
    child.once('error', (error) =>
      reject(new Error(`could not start "${executable}" (${error.code}); install Node.js with npm`)),
    );
    child.once('exit', (code, signal) => resolve(code ?? signal));
  });
}
