import { expect, test } from 'vitest';
import { emailKinds } from './account-email.js';
import { fillTemplate, parseTemplate, plainTemplates } from './email-templates.js';

const email = {
  id: '1',
  kind: 'reset' as const,
  to: 'amal@example.com',
  uid: 'abc',
  r: '/users/1',
  token: 'abc.def',
  expires: Date.UTC(2026, 0, 2, 3, 4, 5),
};

test('[MAIL7] a template has a subject, and placeholders that are filled', () => {
  const source =
    'Subject: For {{ email }}\r\n\r\nhttps://app/#{{token}} until {{expires}}, {{uid}}\n';
  const parsed = parseTemplate('reset', source);
  if (!parsed.ok) throw new Error(parsed.problem);
  expect(fillTemplate(parsed.template, email)).toEqual({
    subject: 'For amal@example.com',
    text: 'https://app/#abc.def until Fri, 02 Jan 2026 03:04:05 GMT, abc\n',
  });
  // Filled-in text is not searched for placeholders again.
  const odd = fillTemplate(parsed.template, { ...email, to: '{{token}}' });
  expect(odd.subject).toBe('For {{token}}');
});

test('[MAIL7] errors in a template are reported', () => {
  const problems = {
    'no subject': 'expected a line',
    'Subject: x\nno empty line {{token}}': 'expected a line',
    'Subject: x\n\n  \n': 'expected a line',
    'Subject: x\n\n{{tokn}}': '{{tokn}} is not known; there are email, token, uid, expires',
    'Subject: x\n\n{{constructor}}': '{{constructor}} is not known',
    'Subject: x\n\nnothing': 'its text has no {{token}}',
  };
  for (const [source, problem] of Object.entries(problems)) {
    const parsed = parseTemplate('reset', source);
    expect(parsed.ok ? '' : parsed.problem).toContain(problem);
  }
  expect(parseTemplate('changed', 'Subject: x\n\nnothing').ok).toBe(true);
});

test('[MAIL7] the default templates are valid', () => {
  for (const kind of emailKinds) {
    const { subject, text } = plainTemplates[kind];
    expect(parseTemplate(kind, `Subject: ${subject}\n\n${text}`)).toMatchObject({ ok: true });
  }
});
