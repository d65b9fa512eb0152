import { pino } from 'pino';
import { type ConfigOptions, readClientConfig } from '../connection.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { findRunningServer } from '../server-file.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';

/** Gives the vault of this installation a new key. */
export const rotateKey = async (options: ConfigOptions & { readonly json?: boolean }): Promise<number> => {
  const config = readClientConfig(options);
  if (config.secretsKey === null && (await findRunningServer(config.dataDir)) !== null) {
    const message = `found a server that runs on "${config.dataDir}" with the key to be replaced, expected none; stop it, rotate, and start it again`;
    throw new CommandFailure('failed', message);
  }
  const { rotateVaultKey } = await import('../../rotate-vault-key.ts');
  const rotation = await rotateVaultKey(config, pino({ level: 'warn' }, pino.destination(2)));
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, { ok: true, resealed: rotation.resealed, new_key: rotation.isNewKey });
    return EXIT_CODES.ok;
  }
  const key = rotation.isNewKey ? 'a new key in the data folder' : 'KAZI_SECRETS_KEY';
  output.write(`${rotation.resealed} values are sealed again, by ${key}; no earlier key is needed any more\n`);
  return EXIT_CODES.ok;
};
