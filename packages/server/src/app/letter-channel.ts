import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type LetterChannel, type LetterKind, letterKinds } from '../accounts/letter.js';
import { parseTemplate, plainTemplates, type Template } from '../accounts/letter-templates.js';
import { smtpChannel } from '../accounts/smtp-channel.js';
import { webhookChannel } from '../accounts/webhook-channel.js';
import type { Platform } from '../platform/platform.js';
import type { Values } from './config-keys.js';
import { readText } from './read-text.js';
import { StartError, systemReason } from './start-error.js';

/** How letters leave; `undefined`: not at all. Throws a `StartError` with everything that is wrong. */
export function letterChannelOf(values: Values, platform: Platform): LetterChannel | undefined {
  const { 'auth.mail.smtp': smtp, 'auth.mail.webhook': webhook } = values;
  if (smtp !== undefined && webhook !== undefined) {
    throw new StartError(['auth.mail.smtp and auth.mail.webhook: only one of them can be']);
  }
  if (webhook !== undefined) {
    const secret = values['auth.mail.webhookSecret'];
    if (secret === undefined) {
      throw new StartError(['auth.mail.webhook: auth.mail.webhookSecret is missing beside it']);
    }
    return webhookChannel({ url: webhook, secret, platform });
  }
  if (smtp === undefined) return undefined;
  const from = values['auth.mail.from'];
  if (from === undefined) {
    throw new StartError(['auth.mail.smtp: auth.mail.from is missing beside it']);
  }
  return smtpChannel({ url: smtp, from, templates: templatesIn(values['auth.mail.templates']) });
}

/** Those of the folder, and plain ones for what it does not have. */
function templatesIn(folder: string | undefined): Readonly<Record<LetterKind, Template>> {
  const templates = { ...plainTemplates };
  const problems: string[] = [];
  for (const kind of folder === undefined ? [] : letterKinds) {
    const file = join(folder ?? '', `${kind}.txt`);
    if (!existsSync(file)) continue;
    const parsed = parseTemplate(kind, readTemplate(file));
    if (parsed.ok) templates[kind] = parsed.template;
    else problems.push(`${basename(folder ?? '')}/${kind}.txt: ${parsed.problem}`);
  }
  if (problems.length > 0) throw new StartError(problems);
  return templates;
}

function readTemplate(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    throw new StartError([`${file} can not be read: ${systemReason(error)}`], error);
  }
}
