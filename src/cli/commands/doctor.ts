import type { Config } from '../../config.ts';
import { isKaziError } from '../../core/errors.ts';
import { type ConfigOptions, readClientConfig } from '../connection.ts';
import { type Finding, fail } from '../doctor/check.ts';
import { checkDefaultAgent, checkSandbox } from '../doctor/check-agents.ts';
import { checkDataFolder, checkPort } from '../doctor/check-data-folder.ts';
import { checkDatabase } from '../doctor/check-database.ts';
import { checkControlGroups, checkMachine, checkNode } from '../doctor/check-machine.ts';
import { checkMail } from '../doctor/check-mail.ts';
import { checkModel } from '../doctor/check-models.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson } from '../table.ts';
import { type Output, outputOf } from '../terminal.ts';

/** Says what this machine and this configuration offer. Resolves to 0 when `kazi serve` would work, else to 1. */
export const doctor = async (options: ConfigOptions & { readonly json?: boolean }): Promise<number> => {
  const findings = await examine(options);
  const isWell = findings.every(({ level }) => level !== 'fail');
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, { ok: isWell, checks: findings });
  else for (const finding of findings) writeFinding(output, finding);
  return isWell ? EXIT_CODES.ok : EXIT_CODES.failed;
};

const examine = async (options: ConfigOptions): Promise<readonly Finding[]> => {
  const always = [checkNode(), checkMachine(), await checkControlGroups()];
  let config: Config;
  try {
    config = readClientConfig(options);
  } catch (error) {
    if (!isKaziError(error, 'INVALID_CONFIG')) throw error;
    return [...always, fail('configuration', error.message, 'correct it; what depends on it was not examined')];
  }
  const [folder, port, database, sandbox, mail] = await Promise.all([
    checkDataFolder(config),
    checkPort(config),
    checkDatabase(config),
    checkSandbox(config),
    checkMail(config),
  ]);
  return [...always, folder, port, database, sandbox, checkModel(config), checkDefaultAgent(config), mail];
};

const writeFinding = (output: Output, { name, level, found, remedy }: Finding): void => {
  const color = level === 'ok' ? 'green' : level === 'warn' ? 'yellow' : 'red';
  output.write(`${output.style(color, level.toUpperCase().padEnd(4))} ${name}: ${found}\n`);
  if (remedy !== undefined) output.write(`     ${output.style('dim', remedy)}\n`);
};
