import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  type EmailKind,
  type EmailTransport,
  emailKinds,
} from '../../accounts/email/account-email.js';
import {
  type EmailTemplate,
  parseTemplate,
  plainTemplates,
} from '../../accounts/email/email-templates.js';
import { smtpTransport } from '../../accounts/email/smtp-transport.js';
import { webhookTransport } from '../../accounts/email/webhook-transport.js';
import type { Platform } from '../../platform/platform.js';
import type { Values } from '../config/config-keys.js';
import { readNeeded } from '../config/read-text.js';
import { StartError } from '../start-error.js';

/** How emails are sent; `undefined` if they are not. Throws a `StartError` with all problems. */
export function emailTransportOf(values: Values, platform: Platform): EmailTransport | undefined {
  const { 'auth.mail.smtp': smtp, 'auth.mail.webhook': webhook } = values;
  if (smtp !== undefined && webhook !== undefined) {
    throw new StartError(['auth.mail.smtp and auth.mail.webhook: only one of them can be']);
  }
  if (webhook !== undefined) {
    const secret = values['auth.mail.webhookSecret'];
    if (secret === undefined) {
      throw new StartError(['auth.mail.webhook: auth.mail.webhookSecret is missing beside it']);
    }
    return webhookTransport({ url: webhook, secret, platform });
  }
  if (smtp === undefined) return undefined;
  const from = values['auth.mail.from'];
  if (from === undefined) {
    throw new StartError(['auth.mail.smtp: auth.mail.from is missing beside it']);
  }
  return smtpTransport({ url: smtp, from, templates: templatesIn(values['auth.mail.templates']) });
}

/** The templates of the folder, with defaults for missing ones. */
function templatesIn(folder: string | undefined): Readonly<Record<EmailKind, EmailTemplate>> {
  if (folder === undefined) return plainTemplates;
  const templates = { ...plainTemplates };
  const problems: string[] = [];
  for (const kind of emailKinds) {
    const file = join(folder, `${kind}.txt`);
    if (!existsSync(file)) continue;
    const parsed = parseTemplate(kind, readNeeded(file));
    if (parsed.ok) templates[kind] = parsed.template;
    else problems.push(`${basename(folder)}/${kind}.txt: ${parsed.problem}`);
  }
  if (problems.length > 0) throw new StartError(problems);
  return templates;
}
