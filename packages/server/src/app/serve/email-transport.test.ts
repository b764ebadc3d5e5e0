import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemPlatform } from '../../platform/system.js';
import { readConfig } from '../config/config.js';
import { emailTransportOf } from './email-transport.js';

/** The problem reported for these settings in an app's folder with these files; `undefined` if there is none. */
function problemWith(environment: Record<string, string>, files: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'really-mail-'));
  try {
    mkdirSync(join(folder, 'mail'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const config = readConfig({ mode: 'production', folder, environment, flags: {} });
    emailTransportOf(config.values, systemPlatform);
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const smtp = {
  REALLY_AUTH_MAIL_SMTP: 'smtp://user:hush@127.0.0.1:1',
  REALLY_AUTH_MAIL_FROM: 'An App <app@example.com>',
};
const webhook = {
  REALLY_AUTH_MAIL_WEBHOOK: 'https://hush.example/letters',
  REALLY_AUTH_MAIL_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24).toString('base64')}`,
};

test('[MAIL7] problems of the email settings are reported, without any secret', () => {
  expect(problemWith({})).toBeUndefined();
  expect(problemWith(smtp)).toBeUndefined();
  expect(problemWith(webhook)).toBeUndefined();
  const wrong: [Record<string, string>, string][] = [
    [{ ...smtp, ...webhook }, 'only one of them'],
    [{ ...smtp, REALLY_AUTH_MAIL_FROM: '' }, 'auth.mail.from is missing'],
    [{ ...webhook, REALLY_AUTH_MAIL_WEBHOOK_SECRET: '' }, 'auth.mail.webhookSecret is missing'],
    [{ ...webhook, REALLY_AUTH_MAIL_WEBHOOK_SECRET: 'whsec_hush' }, 'expected whsec_'],
    [{ ...smtp, REALLY_AUTH_MAIL_SMTP: 'http://hush' }, 'expected a URL such as smtp://'],
  ];
  for (const [environment, problem] of wrong) {
    expect(problemWith(environment)).toContain(problem);
    expect(problemWith(environment)).not.toContain('hush');
  }
});

test('[MAIL7] templates in the folder mail are read at the start', () => {
  const good = 'Subject: x\n\n{{token}}\n';
  expect(problemWith(smtp, { 'mail/reset.txt': good, 'mail/verify.txt': good })).toBeUndefined();
  const bad = problemWith(smtp, { 'mail/reset.txt': 'hello', 'mail/verify.txt': `${good}{{x}}` });
  expect(bad).toContain('mail/reset.txt: expected a line "Subject: …"');
  expect(bad).toContain('mail/verify.txt: {{x}} is not known');
});
