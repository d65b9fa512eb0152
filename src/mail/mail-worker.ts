import { parentPort } from 'node:worker_threads';
import { readMail } from './read-mail.ts';

// Entry of a thread that reads mails, one at a time. Both ends are this code, so what comes in is not parsed again.
parentPort?.on('message', (raw: Uint8Array) => {
  void readMail(raw).then(
    (mail) => parentPort?.postMessage({ mail }),
    () => parentPort?.postMessage({ mail: null }),
  );
});
