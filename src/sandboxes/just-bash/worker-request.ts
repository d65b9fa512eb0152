/** What the server sends to the child process, once. Both ends are this code, so it is not parsed again. */
export interface WorkerRequest {
  /** Address of the just-bash module. */
  readonly shellUrl: string;
  readonly workspaceDir: string;
  readonly workspacePath: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly commandLine: string;
  /** Given to the command as they are, without the shell looking at them. */
  readonly arguments: readonly string[];
  readonly wallMs: number;
  readonly fileBytes: number;
  readonly temporaryBytes: number;
  readonly loopIterations: number;
}
