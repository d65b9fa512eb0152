import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { startApi } from '../support/api.ts';
const api = await startApi({ runsJobs: false });
test('bench', async () => {
  for (let i = 0; i < 4; i++) {
    const c0 = process.cpuUsage(); 
    const child = spawn(process.execPath, ['/tmp/kazi-bench-client.mjs', api.url, api.adminKey, '10000', '64'], { stdio: 'inherit' });
    await once(child, 'exit');
    const c = process.cpuUsage(c0);
    console.log('server CPU µs/submit', ((c.user + c.system) / 10000).toFixed(0));
  }
});
