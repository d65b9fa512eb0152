import { type SettingKind, settingKinds } from './setting-kinds.ts';

/** One setting of an installation. docs/config.md is written from these. */
export interface Setting<T> {
  /** Its environment variable. */
  readonly variable: string;
  readonly kind: SettingKind<NonNullable<T>>;
  /** Null means that absence itself is meaningful; the documentation says what it means. */
  readonly fallback: T;
  /** What absence means, where the fallback alone does not tell. */
  readonly absence?: string;
  readonly documentation: string;
  /** True keeps the value out of messages and logs. */
  readonly isSecret?: true;
}

type About = Omit<Setting<unknown>, 'kind' | 'fallback'>;

const always = <T extends string | number | boolean>(
  kind: SettingKind<T>,
  about: About & { readonly fallback: NoInfer<T> },
): Setting<T> => ({ ...about, kind });

const maybe = <T extends string | number>(kind: SettingKind<T>, about: About): Setting<T | null> => ({
  ...about,
  kind,
  fallback: null,
});

const webUrl = settingKinds.url(['http', 'https']);
const secret = { isSecret: true } as const;
const DAY_MS = 86_400_000;

/** Every setting by its key in the configuration file, in the order of the documentation. */
export const SETTINGS = Object.freeze({
  databaseUrl: maybe(settingKinds.url(['postgres', 'postgresql']), {
    variable: 'DATABASE_URL',
    ...secret,
    absence: 'embedded',
    documentation: 'PostgreSQL 15 or newer. The embedded one is used only when this is absent.',
  }),
  databasePool: always(settingKinds.integer(2, 1000), {
    variable: 'KAZI_DATABASE_POOL',
    fallback: 10,
    documentation: 'Most database connections of one node.',
  }),
  dataDir: always(settingKinds.folder, {
    variable: 'KAZI_DATA_DIR',
    fallback: '.kazi',
    documentation: 'Embedded database, blobs, workspaces, generated secrets. Relative to the working folder.',
  }),
  host: always(settingKinds.text, {
    variable: 'KAZI_HOST',
    fallback: '127.0.0.1',
    documentation: 'Address that the server listens on.',
  }),
  port: always(settingKinds.port, {
    variable: 'KAZI_PORT',
    fallback: 7420,
    documentation: 'Port that the server listens on; 0 takes any free one.',
  }),
  publicUrl: maybe(webUrl, {
    variable: 'KAZI_PUBLIC_URL',
    absence: 'as each request came',
    documentation: 'Where clients reach this server, for the absolute URLs in answers: set it behind a proxy.',
  }),
  role: always(settingKinds.choice(['all', 'api', 'runner']), {
    variable: 'KAZI_ROLE',
    fallback: 'all',
    documentation: 'What this node does: answer requests (`api`), run jobs (`runner`), or both.',
  }),
  url: maybe(webUrl, {
    variable: 'KAZI_URL',
    absence: 'none',
    documentation: 'Server that the commands of the terminal talk to. `serve` ignores it.',
  }),
  apiKey: maybe(settingKinds.apiKey, {
    variable: 'KAZI_API_KEY',
    ...secret,
    absence: 'generated',
    documentation:
      'Bootstrap key of tenant `default`, user `admin`, with all scopes; commands of the terminal send it. When absent, one is generated at the first start, printed once and kept in the data folder.',
  }),
  sessionSigningSecret: maybe(settingKinds.text, {
    variable: 'KAZI_SESSION_SIGNING_SECRET',
    ...secret,
    absence: 'generated',
    documentation: 'Key of session tokens. When absent, one is generated once and kept in the data folder.',
  }),
  secretsKey: maybe(settingKinds.encryptionKey, {
    variable: 'KAZI_SECRETS_KEY',
    ...secret,
    absence: 'generated',
    documentation: 'Encrypts the vault. When absent, one is generated once and kept in the data folder.',
  }),
  previousSecretsKeys: maybe(settingKinds.encryptionKeys, {
    variable: 'KAZI_PREVIOUS_SECRETS_KEYS',
    ...secret,
    absence: 'none',
    documentation:
      'Keys that `KAZI_SECRETS_KEY` had before, while a rotation is under way: they open what they sealed, and seal nothing (docs/secrets.md).',
  }),
  defaultAgent: maybe(settingKinds.text, {
    variable: 'KAZI_DEFAULT_AGENT',
    absence: '`default`; `shell` when no model is configured',
    documentation: 'Agent of a job that names none.',
  }),
  model: maybe(settingKinds.model, {
    variable: 'KAZI_MODEL',
    absence: 'none',
    documentation: 'Model of the default agent.',
  }),
  anthropicApiKey: maybe(settingKinds.text, {
    variable: 'ANTHROPIC_API_KEY',
    ...secret,
    absence: 'none',
    documentation: 'Key for models `anthropic/…`.',
  }),
  anthropicBaseUrl: maybe(webUrl, {
    variable: 'ANTHROPIC_BASE_URL',
    absence: "the provider's own",
    documentation: 'Other endpoint for models `anthropic/…`.',
  }),
  openaiApiKey: maybe(settingKinds.text, {
    variable: 'OPENAI_API_KEY',
    ...secret,
    absence: 'none',
    documentation: 'Key for models `openai/…`.',
  }),
  openaiBaseUrl: maybe(webUrl, {
    variable: 'OPENAI_BASE_URL',
    absence: "the provider's own",
    documentation: 'Other endpoint for models `openai/…`.',
  }),
  googleGenerativeAiApiKey: maybe(settingKinds.text, {
    variable: 'GOOGLE_GENERATIVE_AI_API_KEY',
    ...secret,
    absence: 'none',
    documentation: 'Key for models `google/…`.',
  }),
  openaiCompatibleUrl: maybe(webUrl, {
    variable: 'KAZI_OPENAI_COMPATIBLE_URL',
    absence: 'none',
    documentation: 'Endpoint of a server that speaks the protocol of OpenAI (Ollama, vLLM, llama.cpp).',
  }),
  openaiCompatibleApiKey: maybe(settingKinds.text, {
    variable: 'KAZI_OPENAI_COMPATIBLE_API_KEY',
    ...secret,
    absence: 'none',
    documentation: 'Key for that endpoint.',
  }),
  leaseMs: always(settingKinds.integer(1000, DAY_MS), {
    variable: 'KAZI_LEASE_MS',
    fallback: 10_000,
    documentation: 'Lease of a running job: a dead node is noticed after this time.',
  }),
  pollMs: always(settingKinds.integer(10, 60_000), {
    variable: 'KAZI_POLL_MS',
    fallback: 1000,
    documentation: 'Longest time between two looks for due work when no notification arrives.',
  }),
  jobTimeoutMs: always(settingKinds.integer(1000, 30 * DAY_MS), {
    variable: 'KAZI_JOB_TIMEOUT_MS',
    fallback: 3_600_000,
    documentation: 'A job that has been running for this long is aborted and fails.',
  }),
  queryTimeoutMs: always(settingKinds.integer(1000, 30 * DAY_MS), {
    variable: 'KAZI_QUERY_TIMEOUT_MS',
    fallback: 3_600_000,
    documentation: 'A `POST /query` that takes longer is answered with 504, and its run is stopped.',
  }),
  eventRetentionDays: maybe(settingKinds.integer(1, 36_500), {
    variable: 'KAZI_EVENT_RETENTION_DAYS',
    absence: 'kept for good',
    documentation:
      'Events of sessions without open work are forgotten after so many days. Jobs, their results and messages stay; a stream from an older cursor is answered with 410.',
  }),
  promptQueueLimit: always(settingKinds.integer(1, 1000), {
    variable: 'KAZI_PROMPT_QUEUE_LIMIT',
    fallback: 10,
    documentation: 'Prompts that may wait in the queue of one session.',
  }),
  promptExpiryMs: always(settingKinds.integer(60_000, 30 * DAY_MS), {
    variable: 'KAZI_PROMPT_EXPIRY_MS',
    fallback: 3_600_000,
    documentation: 'A queued prompt that has waited for this long is dropped and never runs.',
  }),
  sessionStop: always(settingKinds.boolean, {
    variable: 'KAZI_SESSION_STOP',
    fallback: true,
    documentation: '`false` refuses `POST /session/{id}/stop`; single jobs can still be canceled.',
  }),
  batchLimit: always(settingKinds.integer(1, 50_000), {
    variable: 'KAZI_BATCH_LIMIT',
    fallback: 10_000,
    documentation: 'Items that one batch may have.',
  }),
  batchMaxSteps: always(settingKinds.integer(1, 10_000), {
    variable: 'KAZI_BATCH_MAX_STEPS',
    fallback: 200,
    documentation: 'Model calls that an item of a batch may ask for at most.',
  }),
  batchModelCalls: always(settingKinds.choice(['direct', 'batch']), {
    variable: 'KAZI_BATCH_MODEL_CALLS',
    fallback: 'direct',
    documentation:
      'How items of batches call their models: `batch` goes through the batches of OpenAI and Anthropic, at half the price and within a day (docs/provider-batches.md).',
  }),
  modelBatchWindowMs: always(settingKinds.integer(0, 3_600_000), {
    variable: 'KAZI_MODEL_BATCH_WINDOW_MS',
    fallback: 10_000,
    documentation:
      'How long calls of models are gathered for one batch of their provider, where agents call them in batches (docs/provider-batches.md).',
  }),
  modelBatchPollMs: always(settingKinds.integer(10, 3_600_000), {
    variable: 'KAZI_MODEL_BATCH_POLL_MS',
    fallback: 60_000,
    documentation: 'Longest time between two looks at a batch of a provider; young ones are looked at more often.',
  }),
  maxAttempts: always(settingKinds.integer(1, 100), {
    variable: 'KAZI_MAX_ATTEMPTS',
    fallback: 3,
    documentation: 'Starts of a job whose node keeps dying, before it fails as abandoned.',
  }),
  drainMs: always(settingKinds.integer(0, DAY_MS), {
    variable: 'KAZI_DRAIN_MS',
    fallback: 30_000,
    documentation: 'Time that a stopping node gives its running jobs before it hands them back.',
  }),
  runnerConcurrency: always(settingKinds.integer(1, 10_000), {
    variable: 'KAZI_RUNNER_CONCURRENCY',
    fallback: 100,
    documentation: 'Jobs that one node runs at once.',
  }),
  tenantConcurrency: always(settingKinds.integer(1, 1_000_000), {
    variable: 'KAZI_TENANT_CONCURRENCY',
    fallback: 50,
    documentation: 'Jobs of one tenant that run at once, over all nodes.',
  }),
  tenantMaxSchedules: always(settingKinds.integer(0, 10_000_000), {
    variable: 'KAZI_TENANT_MAX_SCHEDULES',
    fallback: 10_000,
    documentation: 'Most schedules of one tenant.',
  }),
  sessionMaxRequests: always(settingKinds.integer(0, 1_000_000_000), {
    variable: 'KAZI_SESSION_MAX_REQUESTS',
    fallback: 200,
    documentation:
      'Jobs that may call a model in the life of one session; 0 = no limit. A session or tenant may have its own.',
  }),
  sessionMaxCostUsd: always(settingKinds.dollars, {
    variable: 'KAZI_SESSION_MAX_COST_USD',
    fallback: 2,
    documentation:
      'What one session may spend on models in its life; 0 = no limit. A session or tenant may have its own.',
  }),
  tenantMaxCostUsd: maybe(settingKinds.dollars, {
    variable: 'KAZI_TENANT_MAX_COST_USD',
    absence: 'no limit',
    documentation: 'What a tenant may spend on models that has no limit of its own.',
  }),
  rateLimit: always(settingKinds.integer(0, 1_000_000), {
    variable: 'KAZI_RATE_LIMIT',
    fallback: 60,
    documentation:
      'Requests a minute that session tokens of one user may send to each rate limited route, over all nodes; 0 = no limit.',
  }),
  apiKeyRateLimit: always(settingKinds.integer(0, 1_000_000), {
    variable: 'KAZI_API_KEY_RATE_LIMIT',
    fallback: 0,
    documentation: 'The same for API keys, which belong to trusted servers; 0 = no limit.',
  }),
  pricesFile: maybe(settingKinds.text, {
    variable: 'KAZI_PRICES_FILE',
    absence: 'none',
    documentation:
      'JSON file with prices of models that kazi does not know, or that you pay differently (docs/models.md).',
  }),
  allowPrivateFetch: always(settingKinds.boolean, {
    variable: 'KAZI_ALLOW_PRIVATE_FETCH',
    fallback: false,
    documentation: 'Lets agents fetch private and loopback addresses that their egress policy names.',
  }),
  sandbox: maybe(settingKinds.choice(['bubblewrap', 'just-bash']), {
    variable: 'KAZI_SANDBOX',
    absence: 'best available',
    documentation: 'Where the tools of agents run. `kazi doctor` says what is available.',
  }),
  allowPrivateWebhooks: always(settingKinds.boolean, {
    variable: 'KAZI_ALLOW_PRIVATE_WEBHOOKS',
    fallback: false,
    documentation: 'Lets webhooks reach private and loopback addresses.',
  }),
  smtpPort: maybe(settingKinds.port, {
    variable: 'KAZI_SMTP_PORT',
    absence: 'off',
    documentation: 'Port of the listener for incoming mail (docs/mail.md); 0 takes any free one.',
  }),
  smtpHost: maybe(settingKinds.text, {
    variable: 'KAZI_SMTP_HOST',
    absence: 'that of KAZI_HOST',
    documentation: 'Address that the listener for incoming mail listens on.',
  }),
  mailDomain: always(settingKinds.domain, {
    variable: 'KAZI_MAIL_DOMAIN',
    fallback: 'kazi.localhost',
    documentation: 'Domain of the mail addresses of workers.',
  }),
  smtpRelayUrl: maybe(settingKinds.url(['smtp', 'smtps']), {
    variable: 'KAZI_SMTP_RELAY_URL',
    ...secret,
    absence: 'mails are not answered',
    documentation: 'Server that outgoing mail is handed to, such as `smtps://user:password@mail.example.org`.',
  }),
  smtpTrusted: maybe(settingKinds.networks, {
    variable: 'KAZI_SMTP_TRUSTED',
    absence: 'none',
    documentation:
      'Networks whose mail needs no SPF or DKIM, such as `loopback,10.0.0.0/8`: only for servers that check senders themselves.',
  }),
  smtpTlsCert: maybe(settingKinds.text, {
    variable: 'KAZI_SMTP_TLS_CERT',
    absence: 'no STARTTLS',
    documentation: 'Certificate chain (PEM file) of the listener for incoming mail; needs KAZI_SMTP_TLS_KEY.',
  }),
  smtpTlsKey: maybe(settingKinds.text, {
    variable: 'KAZI_SMTP_TLS_KEY',
    absence: 'no STARTTLS',
    documentation: 'Its private key (PEM file).',
  }),
  mailMaxBytes: always(settingKinds.integer(10_000, 150_000_000), {
    variable: 'KAZI_MAIL_MAX_BYTES',
    fallback: 26_214_400,
    documentation: 'Largest mail that is accepted, as it is transferred: a file takes a third more than its size.',
  }),
  mailRateLimit: always(settingKinds.integer(0, 1_000_000), {
    variable: 'KAZI_MAIL_RATE_LIMIT',
    fallback: 20,
    documentation: 'Turns a minute that one sender may make by mail in a tenant, over all nodes; 0 = no limit.',
  }),
  mailAttachBytes: always(settingKinds.integer(0, 100_000_000), {
    variable: 'KAZI_MAIL_ATTACH_BYTES',
    fallback: 10_485_760,
    documentation: 'Artifacts are attached to an answer up to this size together; the rest is linked.',
  }),
  logLevel: always(settingKinds.choice(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), {
    variable: 'KAZI_LOG_LEVEL',
    fallback: 'info',
    documentation: 'Least severity of the log lines that are written.',
  }),
});

export type SettingKey = keyof typeof SETTINGS;
