import { parentPort, workerData } from 'node:worker_threads';
import { readMail } from './read-mail.ts';

// Entry of the thread that reads one mail. Both ends are this code, so what comes in is not parsed again.
const { raw } = workerData as { readonly raw: Uint8Array };
parentPort?.postMessage(await readMail(raw));
