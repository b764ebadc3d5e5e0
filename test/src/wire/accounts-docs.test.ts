import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { appFolder } from '../harness/app-folder.js';
import { MailServer, tokenIn } from '../harness/mail-server.js';
import { ServerProcess } from '../harness/server-process.js';
import { root } from '../house/sources.js';
import { quickHashes } from './accounts-app.js';

const run = promisify(execFile);
const page = readFileSync(join(root, 'docs/accounts.md'), 'utf8');

const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  );

test('[PWD1] [PWD5] [PWD10] [MAIL1] [MAIL2] docs/accounts.md shows what works', async () => {
  const [model = ''] = blocks('yaml');
  const template = /```\n(Subject:[\s\S]*?)```/.exec(page)?.[1] ?? '';
  await using mail = await MailServer.start();
  await using folder = await appFolder({
    'models/users/model.yaml': model,
    'mail/reset.txt': template,
    'really.yaml': `auth.mail:\n  smtp: ${mail.url}\n  from: An App <no-reply@example.com>\n`,
  });
  await using server = await ServerProcess.start({ dir: folder.dir, env: quickHashes });
  const variables: Record<string, string> = {};
  const answers: Record<string, { accessToken?: string }> = {};
  for (const command of blocks('sh')) {
    const path = /localhost:9000(\S+)/.exec(command)?.[1] ?? '';
    if (path === '/auth/email/verify') {
      variables.VERIFY = await token(mail, 'Confirm');
    } else if (path === '/auth/password/reset') {
      variables.RESET = await token(mail, 'https://app.example.com/reset#');
    }
    const script = command.replace('http://localhost:9000', server.url);
    const { stdout } = await run('sh', ['-c', script], { env: { ...process.env, ...variables } });
    answers[path] = JSON.parse(stdout);
    variables.TOKEN ??= answers['/auth/password/login']?.accessToken ?? '';
    if (variables.TOKEN === '') delete variables.TOKEN;
  }
  const accessToken = expect.any(String);
  expect(answers).toEqual({
    '/auth/password/signup': {
      authType: 'password',
      user: { _r: expect.stringMatching(/^\/users\/\d+$/), email: 'amal@example.com' },
    },
    '/auth/password/login': { authType: 'password', accessToken },
    '/auth/password/change': { authType: 'password', accessToken },
    '/auth/password/reset/request': {},
    '/auth/password/reset': {},
    '/auth/email/verify': {},
  });
});

/** The token in the mail that has this text. */
async function token(mail: MailServer, text: string): Promise<string> {
  for (let count = 1; ; count++) {
    const mails = await mail.to('amal@example.com', count);
    const found = mails.find(({ source }) => source.replace(/=\r?\n/g, '').includes(text));
    if (found) return tokenIn(found);
  }
}
