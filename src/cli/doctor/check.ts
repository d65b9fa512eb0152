/** What a check found. `fail`: `kazi serve` would not work; `warn`: it would, with less than it could. */
export interface Finding {
  readonly name: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do about it; absent when nothing is to be done. */
  readonly remedy?: string;
}

export const ok = (name: string, found: string): Finding => ({ name, level: 'ok', found });

export const warn = (name: string, found: string, remedy: string): Finding => ({ name, level: 'warn', found, remedy });

export const fail = (name: string, found: string, remedy: string): Finding => ({ name, level: 'fail', found, remedy });
