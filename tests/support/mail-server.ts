import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, type TestContext } from 'node:test';
import { type ParsedMail, simpleParser } from 'mailparser';
import { createTransport } from 'nodemailer';
import { SMTPServer } from 'smtp-server';
import { type App, startApp } from '../../src/app/app.ts';
import { loadConfig } from '../../src/config.ts';
import { Caller } from '../wire/workers/target.ts';
import { createTestDatabase } from './database.ts';
import { silentLog } from './factories.ts';
import { TEST_API_KEY } from './job-client.ts';
import { makeDataDir } from './node.ts';
import { eventually } from './signals.ts';

export const DOMAIN = 'kazi.test';
export const OWNER = 'owner@example.org';

/** DNS of a test: `example.org TXT` → records. */
export type Zone = Map<string, readonly string[]>;

/** SPF allows this machine to send for example.org; nobody else publishes anything. */
export const usualZone = (): Zone =>
  new Map([
    ['example.org TXT', ['v=spf1 ip4:127.0.0.1 -all']],
    ['_dmarc.example.org TXT', ['v=DMARC1; p=reject']],
    ['stranger.net TXT', ['v=spf1 ip4:127.0.0.1 -all']],
    ['_dmarc.stranger.net TXT', ['v=DMARC1; p=reject']],
  ]);

/** A mail as a relay got it. */
export interface RelayedMail {
  readonly from: string;
  readonly to: readonly string[];
  readonly mail: ParsedMail;
  readonly raw: Buffer;
  readonly header: (name: string) => string | undefined;
}

/** A real SMTP server that takes what kazi sends. */
export interface Relay {
  readonly port: number;
  readonly mails: readonly RelayedMail[];
  /** Answers to the recipients of the next mails, before it takes all. */
  refuseNext(...codes: number[]): void;
  /** The first so many mails, once they are there. */
  take(count: number): Promise<readonly RelayedMail[]>;
  stop(): Promise<void>;
}

/** A relay on a free port, or that one; it stops with the test, or with the file. */
export const startRelay = async (t?: TestContext, port = 0): Promise<Relay> => {
  const mails: RelayedMail[] = [];
  const refusals: number[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onRcptTo: (_address, _session, answer) => {
      const code = refusals.shift();
      answer(code === undefined ? null : Object.assign(new Error('refused by the test'), { responseCode: code }));
    },
    onData: (stream, { envelope }, answer) => {
      const read = async (): Promise<void> => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
        const raw = Buffer.concat(chunks);
        const mail = await simpleParser(raw);
        mails.push({
          from: envelope.mailFrom ? envelope.mailFrom.address : '',
          to: envelope.rcptTo.map(({ address }) => address),
          mail,
          raw,
          header: (name) =>
            mail.headerLines
              .find(({ key }) => key === name.toLowerCase())
              ?.line.replaceAll(/\r?\n\s+/g, ' ')
              .replace(/^[^:]*: */, ''),
        });
      };
      void read().then(() => answer());
    },
  });
  server.listen(port, '127.0.0.1');
  await once(server.server, 'listening');
  const stop = async (): Promise<void> => {
    if (server.server.listening) await new Promise<void>((resolve) => server.close(resolve));
  };
  if (t) t.after(stop);
  else after(stop);
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    refuseNext: (...codes) => void refusals.push(...codes),
    take: async (count) => await eventually(`${count} mails`, () => mails.length >= count && mails.slice(0, count)),
    stop,
  };
};

/** What a client says of one mail; the rest is that of a usual mail of the owner. */
export interface ClientMail {
  readonly from?: string;
  readonly to: string | readonly string[];
  /** Of the envelope; as `from` when absent. */
  readonly sender?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly messageId?: string;
  readonly inReplyTo?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly attachments?: readonly { readonly filename: string; readonly content: string | Buffer }[];
  /** The whole mail, in place of all but the envelope. */
  readonly raw?: string | Buffer;
}

/** Sends a mail as a real client does; gives the code of the last answer, 250 where it was taken. */
export const sendMail = async (port: number, mail: ClientMail): Promise<{ code: number; text: string }> => {
  const { from = OWNER, to, sender = from, raw, ...rest } = mail;
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    secure: false,
    ignoreTLS: true,
    name: 'client.example.org',
  });
  const recipients = [to].flat();
  const message = { subject: 'A task', text: 'echo hello', messageId: `<${randomUUID()}@example.org>`, ...rest };
  try {
    const { response } = await transport.sendMail({
      ...(raw === undefined
        ? { from, to: recipients, ...message, attachments: [...(rest.attachments ?? [])] }
        : { raw }),
      envelope: { from: sender, to: recipients },
    });
    return { code: Number(response.slice(0, 3)), text: response };
  } catch (error) {
    const { responseCode = 0, message: text } = error as Error & { responseCode?: number };
    return { code: responseCode, text };
  } finally {
    transport.close();
  }
};

/** A whole server in this process, with its listener for mail. */
export interface MailServer {
  readonly app: App;
  readonly port: number;
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly caller: Caller;
  readonly zone: Zone;
  /** Mail of the owner, who may write to all workers of the bootstrap key. */
  send(mail: ClientMail): Promise<{ code: number; text: string }>;
  /** A worker that was told `true`, with its address. */
  worker(): Promise<{ readonly id: string; readonly address: string }>;
  /** Its turns, oldest first. */
  turns(id: string): Promise<readonly { readonly id: string; readonly question: string }[]>;
  stop(): Promise<void>;
}

/** Starts a server on a database of its own; both go with the test, or with the file. */
export const startMailServer = async (
  options: { readonly settings?: Readonly<Record<string, string>>; readonly databaseUrl?: string } = {},
  t?: TestContext,
): Promise<MailServer> => {
  const databaseUrl = options.databaseUrl ?? (await createTestDatabase(t)).url;
  const dataDir = await makeDataDir(t ?? { after: (hook) => after(hook as () => Promise<void>) });
  const zone = usualZone();
  const config = loadConfig({
    env: {
      DATABASE_URL: databaseUrl,
      KAZI_DATA_DIR: dataDir,
      KAZI_PORT: '0',
      KAZI_SMTP_PORT: '0',
      KAZI_MAIL_DOMAIN: DOMAIN,
      KAZI_API_KEY: TEST_API_KEY,
      KAZI_SANDBOX: 'just-bash',
      KAZI_POLL_MS: '100',
      ...options.settings,
    },
    flags: {},
    file: null,
    workingFolder: dataDir,
  });
  const app = await startApp({
    config,
    log: silentLog,
    mailResolver: async (name, type) => await lookUp(zone, name, type),
  });
  const stop = async (): Promise<void> => await app.stop();
  if (t) t.after(stop);
  else after(stop);
  const port = app.smtpPort ?? 0;
  const caller = new Caller({ url: app.url, signingSecret: '', apiKey: TEST_API_KEY });
  const set = await caller.send({ method: 'PUT', path: '/mail/addresses', body: { addresses: [OWNER] } });
  if (set.status !== 200) throw new Error(set.text);
  return {
    ...{ app, port, databaseUrl, dataDir, caller, zone, stop },
    send: async (mail) => await sendMail(port, mail),
    worker: async () => {
      const { id } = await caller.create({ input: 'true' });
      return { id, address: (await caller.get(`/api/workers/${id}/email`)).text };
    },
    turns: async (id) => {
      const { json } = await caller.get(`/jobs?session_id=${encodeURIComponent(id)}&limit=100`);
      const jobs = json['jobs'] as readonly { readonly job_id: string; readonly question: string }[];
      return jobs.map((job) => ({ id: job.job_id, question: job.question })).toReversed();
    },
  };
};

const lookUp = async (zone: Zone, name: string, type: string): Promise<string[][] | string[]> => {
  const records = zone.get(`${name} ${type}`);
  if (records?.[0] === 'SERVFAIL') throw Object.assign(new Error(`queryTxt ESERVFAIL ${name}`), { code: 'ESERVFAIL' });
  if (!records) throw Object.assign(new Error(`query ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
  return await Promise.resolve(type === 'TXT' ? records.map((record) => [record]) : [...records]);
};
