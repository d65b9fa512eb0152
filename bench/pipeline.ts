import type { Node } from '../src/app/node.ts';
import { type BenchServer, startBenchNode, submit } from './bench-node.ts';

/** How much work a round is. */
export interface PipelineLoad {
  readonly jobs: number;
  readonly tenants: number;
  /** Submissions under way at once, as many clients would have them. */
  readonly clients: number;
}

/** A round of echo jobs, accepted and run at the same time by one node. */
export interface PipelineRound {
  readonly acceptedPerSecond: number;
  /** From the first submission to the last end. */
  readonly donePerSecond: number;
}

/** Keeps one node with the real engine for several rounds. */
export class KaziPipeline {
  readonly #node: Node;
  #done = 0;
  #target = 0;
  #reached: (() => void) | undefined;

  private constructor(node: Node) {
    this.#node = node;
  }

  static async start(server: BenchServer): Promise<KaziPipeline> {
    const databaseUrl = await server.createDatabase();
    const node = await startBenchNode({ server, databaseUrl });
    const pipeline = new KaziPipeline(node);
    node.engine?.onJobEnded(() => pipeline.#count());
    return pipeline;
  }

  #count(): void {
    this.#done += 1;
    if (this.#done >= this.#target) this.#reached?.();
  }

  async round(load: PipelineLoad): Promise<PipelineRound> {
    const startedAt = performance.now();
    this.#target = this.#done + load.jobs;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#reached = resolve;
    let next = 0;
    const client = async (): Promise<void> => {
      while (next < load.jobs) {
        const number = next;
        next += 1;
        await submit(this.#node, {
          tenantId: `tenant-${number % load.tenants}`,
          agent: 'echo',
          question: `hello ${number}`,
        });
      }
    };
    await Promise.all(Array.from({ length: load.clients }, client));
    const acceptedAt = performance.now();
    await promise;
    const endedAt = performance.now();
    return {
      acceptedPerSecond: (load.jobs / (acceptedAt - startedAt)) * 1_000,
      donePerSecond: (load.jobs / (endedAt - startedAt)) * 1_000,
    };
  }

  async stop(): Promise<void> {
    await this.#node.stop();
  }
}
