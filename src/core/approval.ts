/** What happens when a model calls a tool. */
export type ApprovalRule = 'allow' | 'ask' | 'deny';

/** Which tools of an agent need somebody's word before they run. */
export interface ApprovalPolicy {
  /** For tools that are not named below. */
  readonly fallback: ApprovalRule;
  readonly tools: Readonly<Record<string, ApprovalRule>>;
  /** How long a request waits. */
  readonly expiresMs: number;
  /** The decision when nobody decided in time. */
  readonly onExpiry: 'allow' | 'deny';
}

export const NO_APPROVALS: ApprovalPolicy = Object.freeze({
  fallback: 'allow',
  tools: {},
  expiresMs: 86_400_000,
  onExpiry: 'deny',
});

/** The rule for one tool. */
export const approvalRule = (policy: ApprovalPolicy, tool: string): ApprovalRule =>
  Object.hasOwn(policy.tools, tool) ? (policy.tools[tool] ?? policy.fallback) : policy.fallback;

/** `expired`: nobody decided in time, and the policy's default was taken. `canceled`: its job was, or ended without an answer. */
export type ApprovalState = 'pending' | 'allowed' | 'denied' | 'expired' | 'canceled';

export const APPROVAL_STATES: readonly ApprovalState[] = ['pending', 'allowed', 'denied', 'expired', 'canceled'];

/** What a job asks a person before it goes on. */
export interface ApprovalRequest {
  /** A UUID, the same at every attempt of the job. */
  readonly id: string;
  readonly ordinal: number;
  /** `tool`: may this call run? `question`: the model asks for confirmation itself. */
  readonly kind: 'tool' | 'question';
  readonly tool: string;
  readonly input: unknown;
  readonly expiresMs: number;
  readonly onExpiry: 'allow' | 'deny';
}

/** What became of a request. */
export interface ApprovalDecision {
  readonly id: string;
  readonly state: ApprovalState;
  /** True when the call may run: allowed, or expired with that default. */
  readonly isAllowed: boolean;
  /** What the person wrote beside the decision. */
  readonly message: string | null;
}

/** A request as people get to see it. One whose time is over is expired, whether its job has noticed or not. */
export interface Approval extends Pick<ApprovalRequest, 'id' | 'kind' | 'tool' | 'input' | 'onExpiry'> {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly jobId: string;
  readonly agent: string;
  readonly state: ApprovalState;
  readonly message: string | null;
  /** The user, or else the id of the credential; null unless somebody decided. */
  readonly decidedBy: string | null;
  readonly createdAt: Date;
  /** The same in microseconds since 1970, as precise as the list is sorted. */
  readonly createdMicros: number;
  readonly expiresAt: Date;
  readonly decidedAt: Date | null;
}
