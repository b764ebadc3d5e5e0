import type { AccountEmail, EmailKind } from './account-email.js';

/** The text of an email with `{{placeholders}}`. */
export interface EmailTemplate {
  readonly subject: string;
  readonly text: string;
}

export type EmailTemplates = Readonly<Record<EmailKind, EmailTemplate>>;

/** The value of each placeholder. */
const placeholders: Readonly<Record<string, (email: AccountEmail) => string>> = {
  email: ({ to }) => to,
  token: ({ token = '' }) => token,
  uid: ({ uid }) => uid,
  expires: ({ expires }) => (expires === undefined ? '' : new Date(expires).toUTCString()),
};

const pattern = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** Defaults for apps without templates: the reader copies the token. */
export const plainTemplates: EmailTemplates = {
  reset: {
    subject: 'Set a new password',
    text: `Somebody, hopefully you, asked to set a new password for {{email}}.

This is the code for it, good until {{expires}}:

{{token}}

If it was not you, do nothing.
`,
  },
  verify: {
    subject: 'Confirm your email address',
    text: `This is the code to confirm that {{email}} is yours, good until {{expires}}:

{{token}}
`,
  },
  changed: {
    subject: 'Your password was changed',
    text: `The password of {{email}} was changed. If it was not you, set a new one now.
`,
  },
};

/** Parses `Subject: …`, an empty line, and the text. Returns an error as one line. */
export function parseTemplate(
  kind: EmailKind,
  source: string,
):
  | { readonly ok: true; readonly template: EmailTemplate }
  | { readonly ok: false; readonly problem: string } {
  const bad = (problem: string) => ({ ok: false, problem }) as const;
  const match = /^Subject:[ \t]*([^\r\n]+)\r?\n\r?\n([\s\S]*\S[\s\S]*)$/.exec(source);
  const [, subject = '', text = ''] = match ?? [];
  if (!match) return bad('expected a line "Subject: …", an empty line, and the text of the mail');
  const used = [...`${subject}\n${text}`.matchAll(pattern)].map(([, name = '']) => name);
  const unknown = used.find((name) => !Object.hasOwn(placeholders, name));
  if (unknown !== undefined) {
    const known = Object.keys(placeholders).join(', ');
    return bad(`{{${unknown}}} is not known; there are ${known}`);
  }
  if (kind !== 'changed' && !text.includes('{{token}}')) return bad('its text has no {{token}}');
  return { ok: true, template: { subject, text } };
}

export function fillTemplate({ subject, text }: EmailTemplate, email: AccountEmail): EmailTemplate {
  const fill = (source: string) =>
    source.replace(pattern, (_, name: string) => placeholders[name]?.(email) ?? '');
  return { subject: fill(subject), text: fill(text) };
}
