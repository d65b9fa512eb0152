import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of this process. */
export interface Memory {
  /** Objects, and the buffers that they hold outside of the heap. */
  readonly heap: number;
  readonly resident: number;
}

/** The memory of this process without its garbage. */
export const settledMemory = (): Memory => {
  collectGarbage();
  collectGarbage();
  const usage = process.memoryUsage();
  return { heap: usage.heapUsed + usage.external, resident: usage.rss };
};

/** The collector is hidden unless node was started with a flag; this asks for it at run time. */
const collectGarbage = (): void => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
};
