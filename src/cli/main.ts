/** Entry of `bin/kazi`. The process is ended at the end, so that a handle which somebody forgot cannot keep a terminal waiting. */
import { runCommandLine } from './run-command-line.ts';

// `kazi jobs list | head`: the reader has gone, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exit(await runCommandLine(process.argv));
