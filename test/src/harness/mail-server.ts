import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

/** A mail as it came. */
export interface ReceivedMail {
  readonly to: string;
  /** Headers and text. */
  readonly source: string;
}

/** A mail server on the loopback that keeps what it gets. Mailboxes `no-such-…` it does not have. */
export class MailServer implements AsyncDisposable {
  readonly mails: ReceivedMail[] = [];
  /** Addresses that somebody wanted to send to. */
  readonly offered: string[] = [];
  readonly #server: SMTPServer;
  #received: (() => void)[] = [];

  private constructor() {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo: ({ address }, _session, done) => {
        this.offered.push(address);
        if (!address.startsWith('no-such-')) return done();
        done(Object.assign(new Error('no such mailbox'), { responseCode: 550 }));
      },
      onData: (stream, session, done) => {
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.on('end', () => {
          const to = session.envelope.rcptTo[0]?.address ?? '';
          this.mails.push({ to, source: Buffer.concat(parts).toString() });
          for (const receive of this.#received.splice(0)) receive();
          done();
        });
      },
    });
    this.#server.on('error', () => {});
  }

  /** Port 0 picks a free one. */
  static async start(port = 0): Promise<MailServer> {
    const mail = new MailServer();
    mail.#server.listen(port, '127.0.0.1');
    await once(mail.#server.server, 'listening');
    return mail;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  /** The mails to this address once there are so many of them. */
  async to(address: string, count = 1): Promise<ReceivedMail[]> {
    for (;;) {
      const found = this.mails.filter(({ to }) => to === address);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => this.#received.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** The token in a mail. */
export function tokenIn({ source }: ReceivedMail): string {
  // Long lines are broken with a `=` at the end.
  return /\d{19}\.[\w-]{32}/.exec(source.replace(/=\r?\n/g, ''))?.[0] ?? '';
}
