import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEFAULT_SANDBOX_LIMITS } from './sandbox-limits.ts';
import { superviseCommand } from './supervise-command.ts';
import { WorkspaceMeter } from './workspace-meter.ts';

test('a command that is killed after its end ended by itself, and nothing goes on killing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kazi-supervise-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const child = spawn('true', { stdio: ['ignore', 'pipe', 'pipe'] });
  let kills = 0;
  const supervised = superviseCommand({
    started: {
      leaderPid: child.pid ?? 0,
      stdin: null,
      stdout: child.stdout,
      stderr: child.stderr,
      exited: once(child, 'exit').then(() => ({ code: child.exitCode, signal: child.signalCode })),
      kill: () => {
        kills += 1;
      },
    },
    command: { script: 'true' },
    limits: DEFAULT_SANDBOX_LIMITS,
    meter: new WorkspaceMeter(folder, DEFAULT_SANDBOX_LIMITS.workspaceBytes),
  });
  const result = await supervised.result;
  supervised.kill();
  assert.deepEqual([result.exitCode, kills], [0, 0]);
});

test('a command whose processes were just changing hands when it was ended is ended all the same', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kazi-supervise-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const child = spawn('sleep', ['600'], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  let kills = 0;
  const abort = new AbortController();
  const supervised = superviseCommand({
    started: {
      leaderPid: child.pid ?? 0,
      stdin: null,
      stdout: child.stdout,
      stderr: child.stderr,
      exited: once(child, 'exit').then(() => ({ code: child.exitCode, signal: child.signalCode })),
      // As when the kill hits a helper of the start, which is gone before the program is there.
      kill: () => {
        kills += 1;
        if (kills > 1) child.kill('SIGKILL');
      },
    },
    command: { script: 'sleep 600', signal: abort.signal },
    limits: DEFAULT_SANDBOX_LIMITS,
    meter: new WorkspaceMeter(folder, DEFAULT_SANDBOX_LIMITS.workspaceBytes),
  });
  abort.abort();
  const result = await supervised.result;
  assert.deepEqual([result.aborted, result.signal, kills], [true, 'SIGKILL', 2]);
});
