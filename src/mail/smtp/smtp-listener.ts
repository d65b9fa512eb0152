import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { DNSResolver } from 'mailauth';
import type { Logger } from 'pino';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { isKaziError, KaziError } from '../../core/errors.ts';
import type { MailDelivery, SenderProof } from '../../core/mail.ts';
import { type Networks, parseNetworks } from '../../core/networks.ts';
import { MailReader } from '../mail-reader.ts';
import { proveSender } from '../prove-sender.ts';
import { toSmtpReply } from './smtp-reply.ts';

/** Who decides over mails; both throw a KaziError for what is not taken. */
export interface MailDoor {
  readonly checkRecipient: (address: string) => Promise<void>;
  /** Resolves after the commit: the client is told that its mail was taken only then. */
  readonly accept: (delivery: MailDelivery) => Promise<unknown>;
}

/** The settings that the listener goes by (core/settings.ts). */
export interface SmtpSettings {
  readonly host: string;
  readonly smtpHost: string | null;
  readonly smtpPort: number;
  readonly smtpTrusted: string | null;
  readonly smtpTlsCert: string | null;
  readonly smtpTlsKey: string | null;
  readonly mailDomain: string;
  readonly mailMaxBytes: number;
}

export interface SmtpListenerOptions {
  readonly settings: SmtpSettings;
  /** How names are looked up; as the machine does when absent. */
  readonly resolver?: DNSResolver | undefined;
  readonly door: MailDoor;
  readonly log: Logger;
}

const MOST_CLIENTS = 200;
const MOST_RECIPIENTS = 100;
/** Largest mails whose bytes are held at once; beyond, clients are asked to come again. */
const MAILS_IN_MEMORY = 8;
/** RFC 5321 asks for minutes; a client that is silent for two has left. */
const SILENCE_MS = 120_000;
/** How long mails under way are waited for when the server stops; their clients try again. */
const STOP_MS = 3_000;

/** Takes mail in over SMTP. What it answers with 250 is committed. */
export class SmtpListener {
  readonly #options: SmtpListenerOptions;
  readonly #server: SMTPServer;
  /** Whose mail needs no proof. */
  readonly #trusted: Networks | null;
  readonly #reader = new MailReader();
  /** Ids of the connections whose mail is being taken. */
  readonly #busy = new Set<string>();
  #bytesHeld = 0;

  /** Throws INVALID_CONFIG. */
  constructor(options: SmtpListenerOptions) {
    const { settings } = options;
    const tls = readTls(settings);
    this.#options = options;
    this.#trusted = settings.smtpTrusted === null ? null : parseNetworks(settings.smtpTrusted);
    this.#server = new SMTPServer({
      name: settings.mailDomain,
      banner: 'kazi',
      size: settings.mailMaxBytes,
      authOptional: true,
      disabledCommands: ['AUTH', ...(tls ? [] : ['STARTTLS'])],
      ...tls,
      hideENHANCEDSTATUSCODES: true,
      disableReverseLookup: true,
      maxClients: MOST_CLIENTS,
      maxRecipients: MOST_RECIPIENTS,
      socketTimeout: SILENCE_MS,
      closeTimeout: STOP_MS,
      onRcptTo: ({ address }, _session, answer) => {
        const checking = options.door.checkRecipient(address.toLowerCase());
        void checking.then(
          () => answer(),
          (error: unknown) => answer(this.#refusal(error)),
        );
      },
      onData: (stream, session, answer) => {
        void this.#receive(stream, session).then(
          () => answer(null, '2.0.0 Accepted'),
          (error: unknown) => answer(this.#refusal(error)),
        );
      },
    });
    this.#server.on('error', (error) => options.log.debug({ err: error }, 'a mail client broke off'));
  }

  /** The real port. Throws ADDRESS_UNAVAILABLE. */
  async start(): Promise<number> {
    const { settings, log } = this.#options;
    const { smtpPort: port } = settings;
    const host = settings.smtpHost ?? settings.host;
    try {
      this.#server.listen(port, host);
      await once(this.#server.server, 'listening');
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new KaziError('ADDRESS_UNAVAILABLE', { host, port, reason, setting: 'KAZI_SMTP_PORT' }, { cause });
    }
    const address = this.#server.server.address() as AddressInfo;
    log.info({ host, port: address.port }, 'listening for mail');
    return address.port;
  }

  /** Takes no more, waits a little for mails under way. Safe twice. */
  async stop(): Promise<void> {
    if (!this.#server.server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(resolve));
    for (const connection of this.#server.connections) {
      if (this.#busy.has(connection.id)) continue;
      connection.send(421, '4.3.2 Server is shutting down');
      connection.close();
    }
    await closed;
    await this.#reader.stop();
  }

  async #receive(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<void> {
    const held = { bytes: 0 };
    this.#busy.add(session.id);
    try {
      const raw = await this.#readAll(stream, held);
      const mail = await this.#reader.read(raw);
      if (mail === null) throw new KaziError('MAIL_UNREADABLE', { reason: 'its parts do not fit together' });
      const { mailFrom, rcptTo } = session.envelope;
      const sender = mailFrom ? mailFrom.address.toLowerCase() : '';
      const proof = mail.from === null ? 'unproven' : await this.#prove({ raw, from: mail.from, sender, session });
      const recipients = rcptTo.map(({ address }) => address.toLowerCase());
      await this.#options.door.accept({ envelope: { sender, recipients }, mail, proof });
    } finally {
      this.#bytesHeld -= held.bytes;
      this.#busy.delete(session.id);
    }
  }

  /** Reads to the end also what is refused, because SMTP has no answer before that. */
  async #readAll(stream: SMTPServerDataStream, held: { bytes: number }): Promise<Uint8Array> {
    const maxBytes = this.#options.settings.mailMaxBytes;
    const chunks: Uint8Array[] = [];
    let isOverload = false;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      if (isOverload || stream.sizeExceeded) continue;
      isOverload = this.#bytesHeld + chunk.length > maxBytes * MAILS_IN_MEMORY;
      if (isOverload) continue;
      chunks.push(chunk);
      held.bytes += chunk.length;
      this.#bytesHeld += chunk.length;
    }
    if (stream.sizeExceeded) throw new KaziError('MAIL_TOO_LARGE', { limit: maxBytes });
    if (isOverload) throw new KaziError('MAIL_OVERLOAD');
    return Buffer.concat(chunks);
  }

  async #prove(mail: {
    readonly raw: Uint8Array;
    readonly from: string;
    readonly sender: string;
    readonly session: SMTPServerSession;
  }): Promise<SenderProof> {
    const { settings, resolver } = this.#options;
    const { session, ...rest } = mail;
    if (this.#trusted?.has(session.remoteAddress)) return 'proven';
    return await proveSender({
      ...rest,
      ...{ ip: session.remoteAddress, helo: session.hostNameAppearsAs, mta: settings.mailDomain, resolver },
    });
  }

  #refusal(error: unknown): Error {
    const { code, text } = toSmtpReply(error);
    const { log } = this.#options;
    if (isKaziError(error)) log.info({ code: error.code, reply: code, reason: text }, 'a mail was refused');
    else if (isCutOff(error)) log.info('a mail client left before its mail was whole');
    else log.error({ err: error }, 'a mail could not be taken');
    return Object.assign(new Error(text), { responseCode: code });
  }
}

const readTls = ({
  smtpTlsCert: cert,
  smtpTlsKey: key,
}: SmtpSettings): { readonly cert: Buffer; readonly key: Buffer } | undefined => {
  if (cert === null && key === null) return undefined;
  try {
    return { cert: readFileSync(cert ?? ''), key: readFileSync(key ?? '') };
  } catch (cause) {
    const message = `KAZI_SMTP_TLS_CERT, KAZI_SMTP_TLS_KEY: found "${cert ?? ''}" and "${key ?? ''}", expected two PEM files that can be read.`;
    throw new KaziError('INVALID_CONFIG', { message }, { cause });
  }
};

const isCutOff = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['ECONNECTION', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String(error.code));
