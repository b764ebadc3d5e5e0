import { expect, test } from 'vitest';
import { rawRequest, sendRaw } from '../../harness/raw-http.js';
import { testSecret } from '../../harness/server-process.js';
import { wireServer } from '../wire-server.js';

const server = wireServer(
  {},
  {
    'models/things/model.yaml': 'version: 1\nfields: { n: { type: Long } }\n',
    'public/index.html': 'the page',
    'public/.env': 'a secret',
    'public/.git/config': 'a secret',
    'public/.well-known/security.txt': 'the contact',
    'secret.txt': 'a secret',
  },
);

const ask = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
  const [answer] = await sendRaw(server.url, rawRequest(`GET ${path}`, headers));
  if (!answer) throw new Error('there was no answer');
  return answer;
};

test('[LIM36] the files of the app are served, and those of its tools are not', async () => {
  expect((await ask('/')).body).toBe('the page');
  expect((await ask('/.well-known/security.txt')).body).toBe('the contact');
  const paths = [
    ...['/.env', '//.env', '/%2eenv', '/%2Eenv', '/.git/config', '/%2egit%2fconfig', '/./.env'],
    ...['/.well-known/../.env', '/.well-known/..%2f.env', '/x\\..\\.env', '/%5c.env', '/.env%00'],
    ...['/..', '/%2e%2e', '//..//', '/%E0%A4%A'],
    ...['/../secret.txt', '/..%2fsecret.txt', '/%2e%2e/secret.txt', '/..%5csecret.txt'],
  ];
  for (const path of paths) {
    const { status, body } = await ask(path);
    expect(status, path).toBeGreaterThanOrEqual(400);
    expect(status, path).toBeLessThan(500);
    expect(body, path).not.toContain('a secret');
  }
});

test('[HTTP2] [OAS2] a page of another origin in the browser of an operator is no operator', async () => {
  const foreign = [
    { Origin: 'https://attacker.example' },
    { Origin: 'null' },
    { Origin: 'http://localhost:3000' },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    // A name that was made to lead here.
    { Host: 'attacker.example' },
  ];
  for (const path of ['/metrics', '/openapi.json']) {
    const own = await ask(path);
    expect(own.status, path).toBe(200);
    expect(own.headers).not.toHaveProperty('access-control-allow-origin');
    for (const headers of foreign) {
      const refused = await ask(path, headers);
      expect(refused.status, `${path} ${JSON.stringify(headers)}`).toBe(403);
      expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
      const { status } = await ask(path, { ...headers, 'X-Really-Secret': testSecret });
      expect(status, `${path} with the secret`).toBe(200);
    }
    for (const site of ['none', 'same-origin']) {
      expect((await ask(path, { 'Sec-Fetch-Site': site })).status).toBe(200);
    }
  }
});
