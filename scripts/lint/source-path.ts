import path from 'node:path';
import type { RuleContext } from './rule.ts';

/** Where a file stands, as from the repository's root with forward slashes: `src/core/job.ts`. */
export function sourcePath(context: RuleContext, file: string = context.filename): string {
  return path.relative(context.cwd, file).split(path.sep).join('/');
}

/** The area of a file of src (`core`, or `config` for src/config.ts); undefined for a file outside src. */
export function areaOf(file: string): string | undefined {
  const [folder, area] = file.split('/');
  return folder === 'src' ? area?.replace(/(?:\.test)?\.ts$/u, '') : undefined;
}
