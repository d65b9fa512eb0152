import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { describeTime } from '../describe.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { harmless, type Output, outputOf } from '../terminal.ts';
import type { WireApproval } from '../wire.ts';

export interface ApprovalsOptions extends ClientOptions {
  readonly json?: boolean;
}

export interface ApprovalsListOptions extends ApprovalsOptions {
  readonly state?: string;
  readonly session?: string;
  readonly job?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

/** Newest first; one page, with the cursor of the next one on stderr (in `next_cursor` with --json). */
export const listApprovals = async (options: ApprovalsListOptions): Promise<number> => {
  const { state, session: session_id, job: job_id, limit, cursor } = options;
  const client = new ApiClient(await connect(options));
  const page = await client.listApprovals({ state, session_id, job_id, limit, cursor });
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, page);
    return EXIT_CODES.ok;
  }
  const rows = page.approvals.map((approval) => [
    approval.id,
    approval.state,
    describeTime(approval.expires_at),
    approval.agent,
    approval.tool,
    JSON.stringify(approval.input).slice(0, 80),
  ]);
  writeTable(output, { titles: ['ID', 'STATE', 'EXPIRES', 'AGENT', 'TOOL', 'INPUT'], rows });
  if (page.next_cursor) outputOf(process.stderr).write(`more: --cursor ${page.next_cursor}\n`);
  return EXIT_CODES.ok;
};

/** One request, with all of what the tool would be called with. */
export const showApproval = async (id: string, options: ApprovalsOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).getApproval(id);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else writeApproval(output, answer.approval);
  return EXIT_CODES.ok;
};

/** Decides a request; its job goes on at once. */
export const decideApproval = async (
  decision: 'allow' | 'deny',
  id: string,
  options: ApprovalsOptions & { readonly message?: string },
): Promise<number> => {
  const client = new ApiClient(await connect(options));
  const answer = await client.decideApproval(id, { decision, message: options.message });
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${answer.approval.id} ${answer.approval.state}\n`);
  return EXIT_CODES.ok;
};

const writeApproval = (output: Output, approval: WireApproval): void => {
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    ['approval', approval.id],
    ['state', approval.state],
    ['job', approval.job_id],
    ['session', approval.session_id],
    ['agent', approval.agent],
    [approval.kind, approval.tool],
    ['asked', describeTime(approval.created_at)],
    ['expires', `${describeTime(approval.expires_at)}, then ${approval.on_expiry}`],
    ['decided', typeof approval.decided_at === 'number' ? describeTime(approval.decided_at) : null],
    ['by', approval.decided_by],
    ['message', approval.message],
  ];
  for (const [name, value] of facts) {
    if (value) output.write(`${output.style('dim', name.padEnd(10))} ${harmless(value)}\n`);
  }
  output.write(`\n${harmless(JSON.stringify(approval.input, null, 2))}\n`);
};
