import { type JSONRPCMessage, type MCPTransport, validateJSONRPCMessage } from '@ai-sdk/mcp';
import type { McpServer } from '../../../core/agent.ts';
import { KaziError } from '../../../core/errors.ts';
import type { RuntimeCommandResult, RuntimeProcess, RuntimeSandbox } from '../../runtime.ts';
import { explainError } from './mcp-failure.ts';

/** One message may be this long: an answer with a large image in it. */
const MAX_LINE_CHARACTERS = 16 * 1024 * 1024;
const KEPT_ERROR_CHARACTERS = 4_000;
const SHOWN_ERROR_LINES = 12;
const SHOWN_LINE_CHARACTERS = 200;

/**
 * MCP over the standard input and output of a program in the job's sandbox: a JSON-RPC message a line. The program lives as
 * long as the transport; the sandbox's limits of memory and processor time hold for it, its limit of wall time does not.
 */
export class StdioTransport implements MCPTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  protocolVersion?: string;
  readonly #server: Extract<McpServer, { transport: 'stdio' }>;
  readonly #openSandbox: () => Promise<RuntimeSandbox>;
  #starting: Promise<void> | null = null;
  #process: RuntimeProcess | null = null;
  #pieces: string[] = [];
  #pieceCharacters = 0;
  #errorOutput = '';
  #failure: string | null = null;
  #isClosed = false;
  #hasSpoken = false;

  constructor(options: {
    readonly server: Extract<McpServer, { transport: 'stdio' }>;
    readonly openSandbox: () => Promise<RuntimeSandbox>;
  }) {
    this.#server = options.server;
    this.#openSandbox = options.openSandbox;
  }

  /** An error of the client with what is known here: why the server is gone, and the end of its standard error. */
  explain(error: unknown): unknown {
    if (error instanceof KaziError) return error;
    const lines = this.#errorOutput.trim().split('\n').slice(-SHOWN_ERROR_LINES).join('\n');
    const output = lines === '' ? '' : `. It wrote to standard error:\n${lines}`;
    return new Error(`${this.#failure ?? explainError(error)}${output}`);
  }

  async start(): Promise<void> {
    this.#starting = this.#start();
    await this.#starting;
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#failure !== null) throw new Error(this.#failure);
    if (this.#process === null) throw new Error('The server was not started.');
    await this.#process.write(`${JSON.stringify(message)}\n`);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#process?.kill();
    // What was still starting is killed when it has; a failed start left nothing.
    await this.#starting?.catch(() => undefined);
    // Resolves when all that the server started is gone, too; a failed end is as good.
    await this.#process?.result.catch(() => undefined);
  }

  async #start(): Promise<void> {
    const sandbox = await this.#openSandbox();
    const process = await sandbox.spawn({
      argv: this.#server.command,
      env: this.#server.env,
      stdin: 'pipe',
      onOutput: ({ stream, text }) => {
        if (stream === 'stdout') this.#hear(text);
        else this.#errorOutput = `${this.#errorOutput}${text}`.slice(-KEPT_ERROR_CHARACTERS);
      },
    });
    this.#process = process;
    process.result.then(
      (result) => this.#end(describeEnd(result)),
      (error: unknown) => this.#end(error instanceof Error ? error.message : String(error)),
    );
    // Closed, or given up, while it started.
    if (this.#isClosed || this.#failure !== null) process.kill();
  }

  #hear(text: string): void {
    // Pieces are joined once, when the line is whole: a long one arrives in hundreds of them.
    const [first = '', ...later] = text.split('\n');
    this.#pieces.push(first);
    this.#pieceCharacters += first.length;
    for (const start of later) {
      this.#read(this.#pieces.join('').trim());
      this.#pieces = [start];
      this.#pieceCharacters = start.length;
    }
    if (this.#pieceCharacters > MAX_LINE_CHARACTERS) {
      this.#pieces = [];
      this.#pieceCharacters = 0;
      this.#giveUp(`it wrote a message of more than ${MAX_LINE_CHARACTERS} characters`);
    }
  }

  #read(line: string): void {
    if (line === '' || this.#failure !== null) return;
    const message = parseMessage(line);
    if (message !== null) {
      this.#hasSpoken = true;
      this.onmessage?.(message);
      return;
    }
    const problem = `it wrote a line to standard output that is no JSON-RPC message: "${line.slice(0, SHOWN_LINE_CHARACTERS)}". Let the command write nothing else there; logs go to standard error`;
    // A stray line of a server that has proved to speak MCP breaks nothing.
    if (this.#hasSpoken) this.onerror?.(new Error(problem));
    else this.#giveUp(problem);
  }

  #giveUp(failure: string): void {
    this.#end(failure);
    this.#process?.kill();
  }

  #end(failure: string): void {
    // Ended by us: what there is to say is why.
    if (!this.#isClosed) this.#failure ??= failure;
    this.onclose?.();
  }
}

const parseMessage = (line: string): JSONRPCMessage | null => {
  try {
    return validateJSONRPCMessage(JSON.parse(line));
  } catch {
    // No JSON, or none of the shapes of JSON-RPC.
    return null;
  }
};

const describeEnd = ({ exitCode, signal, limit }: RuntimeCommandResult): string => {
  if (limit !== null) return `its program was ended by the sandbox's limit of ${limit}`;
  return exitCode === null
    ? `its program was ended by ${signal ?? 'a signal'}`
    : `its program ended with exit code ${exitCode}`;
};
