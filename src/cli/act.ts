/** Wraps a command so that its module is loaded when it is called, and its exit code is reported. */
export type Act = <Given extends readonly unknown[]>(
  load: () => Promise<(...given: Given) => Promise<number>>,
) => (...given: Given) => Promise<void>;
