import type { Runtime } from '../../src/runtimes/runtime.ts';
import { runResult } from './node.ts';

/** Says that it runs, and ends at the gate or when it is stopped. */
export const gatedRuntime = (): {
  readonly runtime: Runtime;
  readonly begun: Promise<void>;
  readonly open: () => void;
} => {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const runtime: Runtime = {
    name: 'echo',
    async run({ signal }) {
      begun.resolve();
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.race([gate.promise, stopped]);
      return runResult('through the gate');
    },
  };
  return { runtime, begun: begun.promise, open: gate.resolve };
};
