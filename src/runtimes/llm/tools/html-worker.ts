import { parentPort, workerData } from 'node:worker_threads';
import { pageToMarkdown } from '../../../core/page-to-markdown.ts';

// Entry of the thread that converts one page. Both ends are this code, so what comes in is not parsed again.
const { html, url } = workerData as { readonly html: string; readonly url: string };
parentPort?.postMessage(pageToMarkdown(html, url));
