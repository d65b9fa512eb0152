import { KaziError } from '../core/errors.ts';
import type { SandboxCommand } from './sandbox-command.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Throws INVALID_REQUEST for what no program can be given: a NUL in an argument or variable, a variable without a proper name. */
export const checkCommand = ({ argv, env }: SandboxCommand): void => {
  for (const [name, value] of Object.entries(env ?? {})) {
    if (!NAME.test(name)) {
      throw refused(`Invalid environment: found the name "${name}", expected letters, digits and underscores.`);
    }
    if (value.includes('\0')) throw refused(`Invalid environment: found a NUL byte in "${name}". Remove it.`);
  }
  if (argv?.some((argument) => argument.includes('\0')) === true) {
    throw refused('Invalid command: found a NUL byte in an argument. Remove it.');
  }
};

const refused = (message: string): KaziError => new KaziError('INVALID_REQUEST', { message });
