import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { loaded } from '../../../model/models.fixture.js';
import { simulatedPlatform } from '../../../platform/simulated.js';
import { devPageRoutes } from './dev-page.js';
import { devPageHtml } from './dev-page-html.js';

const files = {
  'projects/model.yaml': 'version: 3\nfields: { name: { type: String, required: true } }\n',
  'projects/tasks/model.yaml': `version: 1
fields:
  tags: { type: List, items: String }
  project: { type: reference, collectionR: /projects }
access: { hidden: true, read: true }
`,
};

async function page({ isLocal = true, host = '127.0.0.1:9000', headers = {}, path = '/' } = {}) {
  const { models } = await loaded(files);
  const app = fastify();
  // As in a whole server.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('Access-Control-Allow-Origin', '*');
  });
  devPageRoutes(app, {
    models: () => models,
    tokens: { mint: async ({ uid }) => `token-of-${uid}` },
    platform: simulatedPlatform({ seed: 1 }),
    addresses: { isLocal: () => isLocal },
    docs: [{ name: 'protocol.md', text: '# The protocol' }],
  });
  try {
    return await app.inject({ url: path, headers: { host, ...headers } });
  } finally {
    await app.close();
  }
}

test('[CLI12] the page has the collections with links and fields, the docs and a token', async () => {
  const { statusCode, headers, body } = await page();
  expect(statusCode).toBe(200);
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(body).toContain('/projects/*/tasks/*');
  expect(body).toContain('href="/v0.1/projects/*/tasks?access_token=token-of-developer"');
  expect(body).toContain('<dt>name</dt><dd>String, required</dd>');
  expect(body).toContain('<dt>tags</dt><dd>List of String</dd>');
  expect(body).toContain('<dd>reference to /projects/*</dd>');
  expect(body).toContain('version 1, hidden');
  expect(body).toContain('href="/_docs/protocol.md"');
  expect(body).toContain('href="/openapi.json"');
  expect(body).toContain('accessToken: &#39;token-of-developer&#39;');
  expect((await page({ path: '/_docs/protocol.md' })).body).toBe('# The protocol');
});

test('[CLI12] pages of other origins may not read it, and it loads nothing from elsewhere', async () => {
  for (const path of ['/', '/_docs/protocol.md']) {
    const { headers } = await page({ path, headers: { origin: 'http://localhost:9000' } });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
    expect(headers['cross-origin-resource-policy']).toBe('same-origin');
    expect(headers['cache-control']).toBe('no-store');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
  }
});

test.each([
  ['another machine', { isLocal: false }],
  ['a name that could be made to resolve here', { host: 'attacker.example:9000' }],
  ['a name that only begins like a local one', { host: 'localhost.attacker.example' }],
  [
    'a script of another origin',
    { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' } },
  ],
  [
    'a frame or an image of the same site',
    { headers: { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' } },
  ],
])('[CLI12] %s gets nothing', async (_who, asked) => {
  for (const path of ['/', '/_docs/protocol.md']) {
    const { statusCode, body } = await page({ ...asked, path });
    expect(statusCode).toBe(404);
    expect(body).not.toContain('token-of');
  }
});

test.each(['localhost', 'localhost:9000', '[::1]:9000', '127.0.0.1', 'a6bcc.localhost:9000'])(
  '[CLI12] %s is a name of this machine',
  async (host) => {
    expect((await page({ host })).statusCode).toBe(200);
  },
);

test('[CLI12] only pages of the docs are served as such', async () => {
  for (const path of ['/_docs/secret.md', '/_docs/..%2fpackage.json', '/_docs/']) {
    expect((await page({ path })).statusCode, path).toBe(404);
  }
});

test('[CLI12] everything from the app is escaped', async () => {
  const { model } = await loaded(files);
  const odd = '<script>alert("1")</script>\'&';
  const field = model('projects').fields.get('name');
  if (!field) throw new Error('no such field');
  const models = [
    { ...model('projects'), names: [odd], fields: new Map([[odd, { ...field, name: odd }]]) },
  ];
  const html = devPageHtml({ models, uid: odd, token: odd, docs: [odd] });
  expect(html).not.toContain('alert("1")');
  expect(html.match(/<script>/g)).toHaveLength(1);
  expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;');
});

test('[CLI12] without models it says how to begin', () => {
  const html = devPageHtml({ models: [], uid: 'u', token: 't', docs: [] });
  expect(html).toContain('models/tasks/model.yaml');
});
