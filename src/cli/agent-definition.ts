import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { CommandFailure } from './exit-code.ts';

/** What `kazi agents create` is given beside its server. */
export interface AgentOptions {
  readonly file?: string;
  readonly name?: string;
  readonly description?: string;
  readonly runtime?: string;
  readonly model?: string;
  readonly modelCalls?: string;
  readonly instructions?: string;
  readonly tools?: string;
  readonly budget?: string;
  readonly maxRunning?: string;
}

type Definition = Readonly<Record<string, unknown>>;

/** The body of POST /agents out of a file and options, which go before it. Throws CommandFailure (usage); the server checks what it means. */
export const readAgentDefinition = async (options: AgentOptions): Promise<Definition> => {
  const base = options.file === undefined ? {} : await readDefinitionFile(options.file);
  const said: Definition = {
    name: options.name,
    description: options.description,
    runtime: options.runtime,
    model: options.model,
    model_calls: options.modelCalls,
    instructions: options.instructions === undefined ? undefined : await readInstructions(options.instructions),
    tools: options.tools
      ?.split(',')
      .map((tool) => tool.trim())
      .filter(Boolean),
    max_running: options.maxRunning === undefined ? undefined : toNumber(options.maxRunning),
    limits: options.budget === undefined ? undefined : { ...limitsOf(base), budget: options.budget },
  };
  const definition = {
    ...base,
    ...Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)),
  };
  if ('name' in definition) return definition;
  throw new CommandFailure('usage', 'found no name of the agent, expected --name NAME, or --file FILE with a "name"');
};

const objectSchema = z.record(z.string(), z.unknown());

const limitsOf = (base: Definition): Definition => objectSchema.safeParse(base['limits']).data ?? {};

const readDefinitionFile = async (path: string): Promise<Definition> => {
  const content = path === '-' ? await text(process.stdin) : await readText(path);
  const shown = path === '-' ? 'standard input' : `the file "${path}"`;
  try {
    return objectSchema.parse(JSON.parse(content));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? ` (${cause.message})` : '';
    const message = `found no JSON object in ${shown}${reason}, expected an agent as POST /agents takes it; see docs/agents.md`;
    throw new CommandFailure('usage', message, { cause });
  }
};

const readInstructions = async (value: string): Promise<string> =>
  value.startsWith('@') ? await readText(value.slice(1)) : value;

const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    const message = `the file "${path}" cannot be read (${reason}), expected a file of yours; check the path`;
    throw new CommandFailure('usage', message, { cause });
  }
};

const toNumber = (value: string): number => {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new CommandFailure('usage', `found --max-running "${value}", expected a whole number such as 2`);
};
