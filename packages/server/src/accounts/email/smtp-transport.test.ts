import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { expect, test } from 'vitest';
import { PermanentFailure } from '../account-jobs.js';
import type { AccountEmail } from './account-email.js';
import { plainTemplates } from './email-templates.js';
import { smtpTransport } from './smtp-transport.js';

const email: AccountEmail = {
  id: '1',
  kind: 'changed',
  to: 'amal@example.com',
  uid: 'u',
  r: '/users/1',
};

interface Sent {
  /** Logins, and whether each was encrypted. */
  readonly logins: { readonly user: string; readonly encrypted: boolean }[];
  mails: number;
  error: unknown;
}

/** Sends an email to a mail server on the loopback interface, by a URL made from its port. */
async function sendBy(
  url: (port: number) => string,
  { startTls }: { startTls: boolean },
): Promise<Sent> {
  const sent: Sent = { logins: [], mails: 0, error: undefined };
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: startTls ? [] : ['STARTTLS'],
    onAuth: ({ username = '' }, { secure }, done) => {
      sent.logins.push({ user: username, encrypted: secure });
      done(null, { user: username });
    },
    onData: (stream, _session, done) => {
      sent.mails += 1;
      stream.resume().on('end', () => done());
    },
  });
  server.on('error', () => {});
  server.listen(0, '0.0.0.0');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  const transport = smtpTransport({
    url: url(port),
    from: 'An App <app@example.com>',
    templates: plainTemplates,
  });
  try {
    await transport.send(email);
  } catch (error) {
    sent.error = error;
  }
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return sent;
}

// Reaches this machine too, but is not recognised as local.
const elsewhere = '0.0.0.0';

test('[MAIL8] without STARTTLS no password is sent, whatever the URL says', async () => {
  for (const parameters of [
    '',
    '?ignoreTLS=true',
    '?requireTLS=false',
    '?opportunisticTLS=true&ignoreTLS=true',
    '?secure=false',
  ]) {
    const url = (port: number) => `smtp://user:hush@${elsewhere}:${port}/${parameters}`;
    const sent = await sendBy(url, { startTls: false });
    expect(sent).toMatchObject({ logins: [], mails: 0, error: expect.any(Error) });
    // The mail server may support it tomorrow: the email is retried.
    expect(sent.error).not.toBeInstanceOf(PermanentFailure);
  }
});

test('[MAIL8] with STARTTLS the password goes over TLS, to a valid certificate', async () => {
  const url = (port: number) => `smtp://user:hush@${elsewhere}:${port}`;
  // The test's server has a self-signed certificate.
  expect(await sendBy(url, { startTls: true })).toMatchObject({ logins: [], mails: 0 });
  const trusting = (port: number) => `${url(port)}/?tls.rejectUnauthorized=false&ignoreTLS=true`;
  expect(await sendBy(trusting, { startTls: true })).toEqual({
    logins: [{ user: 'user', encrypted: true }],
    mails: 1,
    error: undefined,
  });
});

test('[MAIL8] this machine, and a mail server without a login, need no TLS', async () => {
  for (const host of ['127.0.0.1', 'localhost']) {
    const url = (port: number) => `smtp://user:hush@${host}:${port}`;
    expect(await sendBy(url, { startTls: false })).toMatchObject({ mails: 1, error: undefined });
  }
  const open = (port: number) => `smtp://${elsewhere}:${port}`;
  expect(await sendBy(open, { startTls: false })).toMatchObject({ logins: [], mails: 1 });
});
