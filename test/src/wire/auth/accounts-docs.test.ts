import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { appFolder } from '../../harness/app-folder.js';
import { MailServer, tokenIn } from '../../harness/mail-server.js';
import { ServerProcess } from '../../harness/server-process.js';
import { post, quickHashes } from './accounts-app.js';

const run = promisify(execFile);
const page = readFileSync(join(root, 'docs/accounts.md'), 'utf8');

const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text = '']) => text,
  );

test('[PWD1] [PWD5] [PWD10] [MAIL1] [MAIL2] the examples of docs/accounts.md work', async () => {
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
  const answers: Record<string, { accessToken?: string; user?: { _r: string } }> = {};
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
  // Nobody passes for somebody else by the address in an object.
  const credentials = { email: 'amal@example.com', password: 'staple battery' };
  const { json } = await post(`${server.url}/auth/password/login`, credentials);
  const patch = async (key: string, value: string) => {
    const { user } = answers['/auth/password/signup'] ?? {};
    const response = await fetch(`${server.url}/v0.1${user?._r}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${json.accessToken}`, 'if-match': '1' },
      body: JSON.stringify({ ops: [{ op: 'set', key, value }] }),
    });
    return response.status;
  };
  expect(await patch('email', 'bela@example.com')).toBe(403);
  expect(await patch('name', 'Amal B.')).toBe(200);
});

/** The token in the mail that has this text. */
async function token(mail: MailServer, text: string): Promise<string> {
  for (let count = 1; ; count++) {
    const mails = await mail.to('amal@example.com', count);
    const found = mails.find(({ source }) => source.replace(/=\r?\n/g, '').includes(text));
    if (found) return tokenIn(found);
  }
}
