import type { BenchServer } from './bench-node.ts';
import { KaziPipeline } from './pipeline.ts';

const ROUND = 20_000;

/** Throughput at the start and after many finished jobs in the same database. */
export const benchLongDrain = async (
  server: BenchServer,
  jobs: number,
  tell: (line: string) => void,
): Promise<string[]> => {
  const pipeline = await KaziPipeline.start(server);
  try {
    const rates: number[] = [];
    for (let done = 0; done < jobs; done += ROUND) {
      const { donePerSecond } = await pipeline.round({ jobs: ROUND, tenants: 20, clients: 200 });
      rates.push(donePerSecond);
      if (rates.length % 5 === 0)
        tell(`  ${(done + ROUND).toLocaleString('en-US')} jobs finished, now ${Math.round(donePerSecond)}/s`);
    }
    const few = Math.max(1, Math.min(5, Math.floor(rates.length / 2)));
    const mean = (part: readonly number[]): number => part.reduce((sum, rate) => sum + rate, 0) / part.length;
    // The first round is left out: it warms plans and compiler.
    const early = mean(rates.slice(1, 1 + few));
    const late = mean(rates.slice(-few));
    return [
      `throughput over ${jobs.toLocaleString('en-US')} finished jobs   ${Math.round(early)}/s early, ${Math.round(late)}/s at the end, ratio ${(late / early).toFixed(2)}`,
    ];
  } finally {
    await pipeline.stop();
  }
};
