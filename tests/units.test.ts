/**
 * Runs the tests beside the sources in one process: they share nothing and start nothing, and a process of its own for each
 * file cost more than its tests.
 */
import { globSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

for (const file of globSync('src/**/*.test.ts').toSorted()) await import(pathToFileURL(path.resolve(file)).href);
