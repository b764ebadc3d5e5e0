import { createTransport } from 'nodemailer';
import { isLoopbackHost } from '../../platform/trusted-url.js';
import { PermanentFailure } from '../account-jobs.js';
import type { EmailTransport } from './account-email.js';
import { type EmailTemplates, fillTemplate } from './email-templates.js';

export interface SmtpTransportOptions {
  /** `smtp://user:password@host:587` or `smtps://…`. */
  readonly url: string;
  /** `An App <app@example.com>`. */
  readonly from: string;
  readonly templates: EmailTemplates;
}

/** Milliseconds for a connection, a greeting, and any silence after it. */
const timeout = 10_000;

/** Sends emails in plain text over SMTP (rule MAIL7). */
export function smtpTransport({ url, from, templates }: SmtpTransportOptions): EmailTransport {
  const transport = createTransport({
    url: withSafeLogin(url),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    // The content comes from templates, and must not read files or URLs.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send(email) {
      const { subject, text } = fillTemplate(templates[email.kind], email);
      try {
        await transport.sendMail({
          from,
          to: { name: '', address: email.to },
          subject,
          text,
          messageId: `<letter-${email.id}@${domainOf(from)}>`,
        });
      } catch (error) {
        throw isFinal(error)
          ? new PermanentFailure('the mail was refused', { cause: error })
          : error;
      }
    },
  };
}

/**
 * With user and password over plain SMTP, STARTTLS is required (rule MAIL8), whatever the
 * parameters of the URL say: an attacker who removes STARTTLS from the server's greeting would read
 * the password. A connection to this machine itself cannot be intercepted.
 */
function withSafeLogin(given: string): string {
  const url = new URL(given);
  const hasLogin = url.username !== '' || url.password !== '';
  // `service` replaces the host with its own.
  const isLocal = isLoopbackHost(url.hostname) && !url.searchParams.has('service');
  if (url.protocol !== 'smtp:' || !hasLogin || isLocal) return given;
  url.searchParams.delete('ignoreTLS');
  url.searchParams.delete('opportunisticTLS');
  url.searchParams.set('requireTLS', 'true');
  return url.href;
}

/** A response about a recipient or a message that will not change. A refused login may be fixed. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof Error) || !('responseCode' in error) || !('command' in error))
    return false;
  const { responseCode: code, command } = error;
  const isOfMail = command === 'RCPT TO' || command === 'DATA';
  return isOfMail && typeof code === 'number' && code >= 500 && code <= 599;
}

function domainOf(from: string): string {
  return /@([\w.-]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
}
