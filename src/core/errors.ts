/**
 * The one registry of errors. A code is never reused for another meaning, and docs/errors.md is held to this table by a test.
 * Each API family turns a code into its own envelope; `wire` is the string that clients of the jobs API match on, where the contract fixes one.
 */
export interface ErrorDefinition {
  /** HTTP status that a surface answers with. */
  readonly status: number;
  /** True when the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** What the error means and what to do; `{name}` marks are filled from the details. */
  readonly message: string;
}

const define = <const T extends Record<string, ErrorDefinition>>(table: T): T => Object.freeze(table);

export const ERRORS = define({
  INVALID_JSON: { status: 400, retryable: false, message: 'Invalid JSON request body' },
  INVALID_REQUEST: { status: 400, retryable: false, message: '{message}' },
  INVALID_SESSION_ID: { status: 400, retryable: false, message: 'Invalid session id' },
  INVALID_JOB_ID: { status: 400, retryable: false, message: 'Invalid job_id' },
  INVALID_IDEMPOTENCY_KEY: { status: 400, retryable: false, message: 'Invalid Idempotency-Key' },
  INVALID_ARTIFACT_PATH: { status: 400, retryable: false, message: 'Invalid artifact path encoding' },
  INVALID_SESSION_PATH: { status: 400, retryable: false, message: 'Invalid session path' },
  INVALID_JOB_PATH: { status: 400, retryable: false, message: 'Invalid job path' },
  INVALID_WORKER_ID: { status: 400, retryable: false, message: 'Invalid worker id' },
  NO_WORKER_WEBHOOK: { status: 400, retryable: false, message: 'No webhook is configured' },
  MALFORMED_HTTP: { status: 400, retryable: false, message: 'Malformed HTTP request' },
  INVALID_CURSOR: {
    status: 400,
    retryable: false,
    message:
      'Invalid cursor: found "{found}", expected a value from next_cursor of an earlier page. Start again without a cursor.',
  },
  INVALID_SCHEDULE_ID: { status: 400, retryable: false, message: 'Invalid schedule_id' },
  RUN_AT_REQUIRED: { status: 400, retryable: false, message: 'run_at is required for one_off schedules' },
  CRON_REQUIRED: { status: 400, retryable: false, message: 'cron is required for cron schedules' },
  CRON_NOT_ALLOWED: { status: 400, retryable: false, message: 'cron must be omitted for {kind} schedules' },
  PERIOD_REQUIRED: { status: 400, retryable: false, message: '{kind}_seconds is required for {kind} schedules' },
  PERIOD_NOT_ALLOWED: {
    status: 400,
    retryable: false,
    message: 'interval_seconds must be omitted for {kind} schedules',
  },
  INVALID_CRON: { status: 400, retryable: false, message: 'Invalid cron expression' },
  INVALID_TIMEZONE: { status: 400, retryable: false, message: 'Invalid timezone: {timezone}' },
  OVERLAP_NOT_ALLOWED: {
    status: 400,
    retryable: false,
    message:
      'Invalid overlap: found "{overlap}" with session_mode "{mode}". Jobs of one session run one after the other ("skip", "queue_one", "queue_all", "cancel_running"), those of new sessions side by side ("skip", "cancel_running", "allow").',
  },
  SCHEDULE_LIMIT_REACHED: {
    status: 400,
    retryable: false,
    message: 'A tenant can have at most {limit} schedules. Delete one that is not needed any more.',
  },
  EMPTY_BATCH: { status: 400, retryable: false, message: 'Empty list of batch_requests passed in!' },
  EMPTY_MESSAGE: { status: 400, retryable: false, message: 'Message content is empty or invalid' },
  UNKNOWN_REFERENCE: { status: 400, retryable: false, message: '{kind} with id {id} not found' },
  REVERSED_REFERENCES: {
    status: 400,
    retryable: false,
    message: "'before' reference must be later than 'after' reference",
  },
  UNKNOWN_AGENT: { status: 400, retryable: false, message: "Unknown agent type: '{agent}'. Available: {available}" },
  MISSING_CREDENTIAL: { status: 401, retryable: false, message: 'Missing authorization token' },
  INVALID_AUTHORIZATION: { status: 401, retryable: false, message: 'Invalid authorization header' },
  INVALID_API_KEY: { status: 401, retryable: false, message: 'Invalid API key' },
  INVALID_TOKEN_FORMAT: { status: 401, retryable: false, message: 'Invalid token format' },
  INVALID_TOKEN_PAYLOAD: { status: 401, retryable: false, message: 'Invalid token payload' },
  TOKEN_ISSUED_IN_FUTURE: { status: 401, retryable: false, message: 'Token issued in the future' },
  TOKEN_EXPIRED: { status: 401, retryable: false, message: 'Token expired' },
  INVALID_TOKEN_TIMESTAMPS: { status: 401, retryable: false, message: 'Invalid token timestamps' },
  INVALID_TOKEN_SIGNATURE: { status: 401, retryable: false, message: 'Invalid token signature' },
  MISSING_CONTEXT: { status: 401, retryable: false, message: 'Missing user or tenant context' },
  USER_MISMATCH: { status: 403, retryable: false, message: 'user_id mismatch' },
  TENANT_MISMATCH: { status: 403, retryable: false, message: 'tenant_id mismatch' },
  SESSION_NOT_AUTHORIZED: { status: 403, retryable: false, message: 'Session not authorized' },
  RECORD_SESSION_MISMATCH: { status: 403, retryable: false, message: '{record} session mismatch' },
  RECORD_USER_MISMATCH: { status: 403, retryable: false, message: '{record} user mismatch' },
  RECORD_TENANT_MISMATCH: { status: 403, retryable: false, message: '{record} tenant mismatch' },
  SCOPE_REQUIRED: { status: 403, retryable: false, message: '{scope} scope required' },
  MAIL_SENDER_UNPROVEN: {
    status: 403,
    retryable: false,
    message: 'Mail from {sender} is not accepted: neither SPF nor DKIM shows that it comes from there',
  },
  MAIL_SENDER_REFUSED: { status: 403, retryable: false, message: '{sender} may not write to this worker' },
  NOT_FOUND: { status: 404, retryable: false, message: 'Not found' },
  JOB_NOT_FOUND: { status: 404, retryable: false, message: 'Job not found' },
  ARTIFACT_NOT_FOUND: { status: 404, retryable: false, message: 'Artifact not found' },
  API_KEY_NOT_FOUND: { status: 404, retryable: false, message: 'API key not found' },
  PROFILE_NOT_FOUND: { status: 404, retryable: false, message: 'Agent with ID {id} not found' },
  UNKNOWN_MODEL_HANDLE: {
    status: 404,
    retryable: false,
    message: 'NOT_FOUND: Handle {handle} not found, must be one of [{handles}]',
  },
  BATCH_NOT_FOUND: { status: 404, retryable: false, message: "Job not found with id='{id}'" },
  RUN_NOT_FOUND: { status: 404, retryable: false, message: "Run not found with id='{id}'" },
  AGENT_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'Agent not found: found no {what}; GET /agents lists the agents, GET /agents/NAME/versions their versions',
  },
  SECRET_NOT_FOUND: { status: 404, retryable: false, message: 'Secret not found' },
  ENDPOINT_NOT_FOUND: { status: 404, retryable: false, message: 'Webhook endpoint not found' },
  DELIVERY_NOT_FOUND: { status: 404, retryable: false, message: 'Webhook delivery not found' },
  APPROVAL_NOT_FOUND: { status: 404, retryable: false, message: 'Approval not found' },
  PROMPT_NOT_FOUND: { status: 404, retryable: false, message: 'Prompt not found in queue' },
  WORKER_NOT_FOUND: { status: 404, retryable: false, message: 'Worker not found' },
  FILE_NOT_FOUND: { status: 404, retryable: false, message: 'File not found' },
  MAILBOX_NOT_FOUND: { status: 404, retryable: false, message: 'No worker has the address {address}' },
  SCHEDULE_NOT_FOUND: { status: 404, retryable: false, message: 'Schedule not found' },
  METHOD_NOT_ALLOWED: { status: 405, retryable: false, message: 'Method not allowed' },
  REQUEST_TIMEOUT: { status: 408, retryable: true, message: 'The request did not arrive in time' },
  SESSION_BUSY: { status: 409, retryable: true, message: 'Session already executing' },
  IDEMPOTENCY_IN_PROGRESS: {
    status: 409,
    retryable: true,
    message: 'A request with this Idempotency-Key is still in progress',
  },
  AGENT_BUILTIN: {
    status: 409,
    retryable: false,
    message: 'Agent "{agent}" is built in: it cannot be changed or retired. Create one of another name.',
  },
  APPROVAL_DECIDED: {
    status: 409,
    retryable: false,
    message: 'Approval already decided: {state} by {by} at {at}. A decision is final.',
  },
  APPROVAL_EXPIRED: {
    status: 409,
    retryable: false,
    message: 'Approval expired at {at}, when its default was taken: {fallback}. It cannot be decided any more.',
  },
  APPROVAL_CANCELED: {
    status: 409,
    retryable: false,
    message: 'Approval withdrawn at {at}: its job was canceled or has ended. It cannot be decided any more.',
  },
  ENDPOINT_DISABLED: {
    status: 409,
    retryable: false,
    message: 'Webhook endpoint is disabled: {reason}. Enable it first.',
  },
  CURSOR_EXPIRED: {
    status: 410,
    retryable: false,
    message:
      'Events before seq {first} are no longer kept; found cursor {found}. Resume with Last-Event-ID {resume} or read the job itself.',
  },
  BODY_TOO_LARGE: { status: 413, retryable: false, message: 'Request body too large' },
  MAIL_TOO_LARGE: { status: 413, retryable: false, message: 'The mail is larger than {limit} bytes' },
  RANGE_NOT_SATISFIABLE: {
    status: 416,
    retryable: false,
    message: 'Range not satisfiable: found "{found}", expected a range within {size} bytes',
  },
  INVALID_SHAPE: { status: 422, retryable: false, message: '{message}' },
  BATCH_TOO_LARGE: { status: 422, retryable: false, message: 'A batch can have at most {most} requests' },
  CALLBACK_REFUSED: { status: 422, retryable: false, message: 'callback_url not allowed: {reason}' },
  IDEMPOTENCY_MISMATCH: {
    status: 422,
    retryable: false,
    message: 'Idempotency-Key was used with a different request body',
  },
  WORKER_SCHEDULE_LIMIT: { status: 422, retryable: false, message: 'A worker can have at most {limit} schedules' },
  VISIBILITY_UNSUPPORTED: { status: 422, retryable: false, message: 'visibility {visibility} is not supported' },
  MAIL_FROM_MACHINE: { status: 422, retryable: false, message: 'Mail of machines is not accepted: {reason}' },
  MAIL_UNREADABLE: { status: 422, retryable: false, message: 'The mail cannot be read: {reason}' },
  INVALID_FILTER: { status: 422, retryable: false, message: 'Invalid value for {name}' },
  FORK_REFUSED: {
    status: 422,
    retryable: false,
    message: 'This session cannot be forked: {reason}.',
  },
  WEBHOOK_URL_REFUSED: { status: 422, retryable: false, message: 'Webhook URL not allowed: {reason}' },
  WEBHOOK_HEADER_REFUSED: { status: 422, retryable: false, message: 'Webhook header not allowed: {header}' },
  UNKNOWN_SECRET_REF: { status: 422, retryable: false, message: 'Unknown secret_ref: {name}' },
  ENDPOINT_LIMIT_REACHED: {
    status: 422,
    retryable: false,
    message: 'A tenant can have at most {limit} webhook endpoints',
  },
  UPGRADE_REQUIRED: { status: 426, retryable: false, message: 'WebSocket upgrade required' },
  HEADERS_TOO_LARGE: { status: 431, retryable: false, message: 'Request header fields too large' },
  QUEUE_FULL: { status: 429, retryable: true, message: 'Queue limit reached ({most})' },
  REQUEST_BUDGET_EXCEEDED: { status: 429, retryable: false, message: 'Session request budget exceeded ({limit})' },
  COST_BUDGET_EXCEEDED: {
    status: 429,
    retryable: false,
    message: 'Session estimated cost budget exceeded ({limit} USD)',
  },
  API_KEY_LIMIT_REACHED: { status: 429, retryable: false, message: 'API key spend limit reached ({limit} USD)' },
  TENANT_LIMIT_REACHED: { status: 429, retryable: false, message: 'Tenant spend limit reached' },
  JOB_LIMIT_REACHED: { status: 429, retryable: false, message: 'Budget of the parent job exceeded ({limit} USD)' },
  RATE_LIMITED: { status: 429, retryable: true, message: 'Rate limit exceeded' },
  INTERNAL: { status: 500, retryable: true, message: 'Internal error' },
  SIGNING_SECRET_MISSING: { status: 500, retryable: false, message: 'Session signing secret not configured' },
  INVALID_JOB_RECORD: { status: 502, retryable: false, message: 'Invalid job status response from Modal backend' },
  INVALID_SESSION_RECORD: { status: 502, retryable: false, message: 'Invalid session record' },
  RECORD_MISSING_OWNER: {
    status: 502,
    retryable: false,
    message: '{record} missing {owner} for ownership enforcement',
  },
  MODEL_PROVIDER_FAILED: { status: 502, retryable: true, message: '{message}' },
  QUERY_TIMED_OUT: { status: 504, retryable: true, message: 'Query timed out after {seconds} seconds' },
  DATABASE_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message:
      'The database is not reachable. Send the request again; when it creates work, with the Idempotency-Key of the first try, which may have been accepted.',
  },
  NO_RUNNER: {
    status: 503,
    retryable: true,
    message: 'No runner is free: no node that runs jobs is alive, or none began with the query in time',
  },
  MAIL_SENDER_UNDECIDED: {
    status: 503,
    retryable: true,
    message: 'DNS did not answer, so it is not known whether the mail comes from {sender}',
  },
  MAIL_OVERLOAD: { status: 503, retryable: true, message: 'Too many mails arrive at once; send it again later' },
  SHUTTING_DOWN: { status: 503, retryable: true, message: 'Server is shutting down' },
  NO_RUNTIME: {
    status: 500,
    retryable: false,
    message:
      'Agent "{agent}" needs the runtime "{runtime}", which this server does not have. Set KAZI_MODEL to a provider/model and its API key, or use the agent "shell".',
  },
  NO_MODEL: {
    status: 500,
    retryable: false,
    message:
      'No model is configured. Set KAZI_MODEL to a provider/model such as anthropic/claude-sonnet-4-5, with the key of its provider (ANTHROPIC_API_KEY, OPENAI_API_KEY or GOOGLE_GENERATIVE_AI_API_KEY) or KAZI_OPENAI_COMPATIBLE_URL; or use the agent "shell".',
  },
  MODEL_UNAVAILABLE: { status: 500, retryable: false, message: 'Model "{model}" cannot be used: {reason}' },
  EGRESS_REFUSED: { status: 403, retryable: false, message: 'The address "{url}" may not be fetched: {reason}' },
  MCP_SERVER_FAILED: {
    status: 502,
    retryable: false,
    message: 'MCP server "{server}" of the agent cannot be used: {reason}',
  },
  LEASE_LOST: {
    status: 500,
    retryable: false,
    message: 'The lease {lease} of job {job} is no longer held by this node; nothing was written.',
  },
  SANDBOX_UNAVAILABLE: { status: 500, retryable: true, message: 'The sandbox could not be started: {reason}' },
  SANDBOX_PATH_REFUSED: {
    status: 400,
    retryable: false,
    message: 'Path refused: found "{found}", expected a path inside the workspace.',
  },
  SECRET_UNREADABLE: {
    status: 500,
    retryable: false,
    message:
      'A stored secret cannot be read: it was sealed with the key {key}, which this server does not have. Set KAZI_SECRETS_KEY to that key, or name it in KAZI_PREVIOUS_SECRETS_KEYS.',
  },
  BLOB_NOT_FOUND: { status: 404, retryable: false, message: 'Blob {sha256} is not in the store' },
  ADDRESS_UNAVAILABLE: {
    status: 500,
    retryable: false,
    message:
      'Cannot listen on {host}:{port}: {reason}. Stop what uses it, or choose another one with {setting} (0 = any free one).',
  },
  DATA_DIR_IN_USE: { status: 500, retryable: false, message: '{message}' },
  EMBEDDED_DATABASE_FAILED: { status: 500, retryable: false, message: '{message}' },
  MIGRATION_REFUSED: { status: 500, retryable: false, message: '{message}' },
  INVALID_CONFIG: { status: 500, retryable: false, message: '{message}' },
});

export type ErrorCode = keyof typeof ERRORS;
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/** An error that kazi raised on purpose. Everything else that is thrown is a defect and reaches clients as a bare 500. */
export class KaziError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options: { readonly cause?: unknown } = {}) {
    super(fillMessage(ERRORS[code].message, details), options);
    this.name = 'KaziError';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** True for a KaziError, narrowed to one code when one is given. */
export const isKaziError = (error: unknown, code?: ErrorCode): error is KaziError =>
  error instanceof KaziError && (code === undefined || error.code === code);

const fillMessage = (template: string, details: ErrorDetails): string =>
  template.replaceAll(/\{(\w+)\}/g, (mark, name: string) => (name in details ? String(details[name]) : mark));
