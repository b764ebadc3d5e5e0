import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { fuzzApp } from '../../fuzz/fuzz-app.js';
import { ApiDocument } from '../../harness/openapi.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const odd: Readonly<Record<string, string>> = {
  'models/a-b/model.yaml':
    'version: 7\nfields:\n  x: { type: Json }\naccess: { read: true, create: true }\n',
  'models/a_b/model.yaml': 'version: 1\nfields: {}\naccess: { read: true }\n',
  'models/Error/model.yaml':
    'version: 1\nfields:\n  list: { type: List, items: { type: List, items: Long } }\n',
  'models/kept/model.yaml': `version: 1
fields:
  name: { type: String }
  score: { type: Long, access: { write: false } }
  inner: { type: Object, fields: { a: { type: String, access: { create: false } }, b: { type: String } } }
access: { read: true, create: true }
`,
  'models/a-b/a-b/model.yaml':
    'version: 1\nfields:\n  needed: { type: String, required: auth.uid == "x" }\n  sum: { type: Calculated, valueType: List, dependsOn: x, value: "[1]" }\n  x: { type: Long, default: 3 }\n  ref: { type: reference, collectionR: /a-b, onDeleted: refuse }\naccess: { read: true, create: true }\n',
};

const server = wireServer();
const strict = wireServer({}, fuzzApp);
const oddServer = wireServer({ REALLY_OPENAPI: 'public' }, odd);
const letters = wireServer({
  REALLY_AUTH_MAIL_SMTP: 'smtp://127.0.0.1:9',
  REALLY_AUTH_MAIL_FROM: 'a@example.org',
});
const empty = wireServer({}, { 'models/README.md': 'none yet\n' });

const elsewhere = { 'x-forwarded-for': '192.0.2.1' };

async function documentOf(url: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await fetch(`${url}/openapi.json`, { headers });
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'application/json',
  ]);
  return new ApiDocument((await response.json()) as never);
}

test('[OAS1] the document is valid OpenAPI 3.1, whatever the models are called', async () => {
  for (const { url } of [server, strict, oddServer, empty]) {
    const { document } = await documentOf(url);
    const { valid, errors } = await new Validator().validate(document);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(document.openapi).toMatch(/^3\.1\./);
  }
});

test('[OAS1] [PRS13] paths are those of the collections; operations that nobody may use are left out', async () => {
  const { document } = await documentOf(server.url);
  expect(Object.keys(document.paths)).toContain('/v0.1/users/{usersId}/posts/{postsId}');
  const methods = (path: string) => Object.keys(document.paths[path] ?? {});
  expect(methods('/v0.1/users/{usersId}')).toEqual(['get', 'post', 'patch', 'delete']);
  expect(methods('/v0.1/users')).toEqual(['get', 'post']);
  // Its model has only a create rule.
  expect([methods('/v0.1/writeonly'), methods('/v0.1/writeonly/{writeonlyId}')]).toEqual([
    ['post'],
    ['post'],
  ]);
  expect([methods('/v0.1/users/_query'), methods('/v0.1/users/_count')]).toEqual([
    ['post'],
    ['post'],
  ]);
  expect(methods('/v0.1/users/{usersId}/_send')).toEqual(['post']);
  expect(Object.keys(document.paths)).not.toContain('/v0.1/writeonly/_query');
  // What no path refers to is not there.
  const schemas = Object.keys(document.components.schemas).filter((name) =>
    name.startsWith('Writeonly'),
  );
  expect(schemas.toSorted()).toEqual(['Writeonly.create', 'Writeonly.created', 'Writeonly.stored']);
  expect(Object.keys(document.paths)).toContain('/auth/anonymous');
  const twice = await documentOf(oddServer.url);
  expect(Object.keys(twice.document.paths)).toContain('/v0.1/a-b/{a-bId}/a-b/{a-bId2}');
});

test('[OAS1] [FAC1] a field that no user may write is in responses, and in no create', async () => {
  const { document } = await documentOf(oddServer.url);
  const { schemas } = document.components as unknown as {
    schemas: Record<string, { properties: Record<string, { properties?: object }> }>;
  };
  const fieldsOf = (name: string) => Object.keys(schemas[name]?.properties ?? {});
  expect(fieldsOf('Kept.create')).toEqual(['name', 'inner']);
  expect(fieldsOf('Kept')).toEqual(['_r', '_rev', 'name', 'score', 'inner']);
  const inner = schemas['Kept.create']?.properties.inner?.properties ?? {};
  expect(Object.keys(inner)).toEqual(['b']);
});

test('[OAS1] parameters and bodies are those that the protocol checks', async () => {
  const api = await documentOf(server.url);
  const { parameters, schemas } = api.document.components;
  expect(parameters.limit.schema).toEqual({ type: 'integer', minimum: 1, maximum: 1000 });
  expect(schemas['Really.Update'].properties.ops.items.properties.op.enum).toContain('addToSet');
  const [fields] = api
    .operation('get', '/v0.1/users')
    .parameters.filter(({ name }: { name?: string }) => name === 'fields');
  expect(fields.schema.items.enum).toEqual(expect.arrayContaining(['name', 'shout', '@card']));
  const problem = (body: unknown) => api.problemOfBody('post', '/v0.1/users', body);
  expect(problem({ name: 'A', age: 3, picture: { sizes: [1] }, email: null })).toBeUndefined();
  const wrong = [
    {},
    { name: 1 },
    { name: 'A', age: 1.5 },
    { name: 'A', shout: 'X' },
    { name: 'A', _r: '/users/1' },
    { name: 'A', nothing: 1 },
    { name: 'A', tags: [1] },
    { name: 'A', friend: '/posts/1' },
  ];
  for (const body of wrong) {
    expect(problem(body), JSON.stringify(body)).toBeDefined();
    const { status } = await send('POST', '/v0.1/users', { body });
    expect([body, status]).toEqual([body, 409]);
  }
});

interface Asked {
  readonly uid?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

async function send(method: string, target: string, { uid = 'one', headers, body }: Asked = {}) {
  const authorization = `Bearer ${signToken({ uid }, testSecret)}`;
  const response = await fetch(server.url + target, {
    method,
    headers: { authorization, ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const [path = ''] = target.split('?');
  const json: unknown = text === '' ? undefined : JSON.parse(text);
  return { method, path, status: response.status, headers: response.headers, json };
}

test('[OAS1] [CAS3] a reference says what becomes of it when its object is deleted', async () => {
  const { document } = await documentOf(oddServer.url);
  const text = JSON.stringify(document.components.schemas);
  expect(text).toContain('As long as it is there, that object cannot be deleted.');
  expect(text).not.toContain('Unset when that object is deleted.');
});

test('[OAS3] responses are as in the document', async () => {
  const api = await documentOf(server.url);
  const seen = new Set<string>();
  const ask = async (method: string, target: string, asked: Asked = {}, status = 200) => {
    const answer = await send(method, target, asked);
    expect(answer.status, `${method} ${target} ${JSON.stringify(answer.json)}`).toBe(status);
    expect(api.problemOf(answer), `${method} ${target}`).toBeUndefined();
    seen.add(`${api.operation(method, answer.path).operationId} ${status}`);
    return answer;
  };
  const ifMatch = (rev: string) => ({ 'If-Match': rev });
  const set = (key: string, value: unknown) => ({ ops: [{ op: 'set', key, value }] });
  await ask('POST', '/v0.1/users/o1', { body: { name: 'One' } }, 201);
  const rich = {
    name: 'Two',
    email: 'two@example.org',
    age: 7,
    score: 0.5,
    tags: ['a'],
    picture: { xlarge: 'x', sizes: [1] },
    extra: [null, { a: null }],
    friend: '/users/o1',
    joined: '2020-01-02T03:04:05+01:00',
  };
  await ask('POST', '/v0.1/users', { body: rich }, 201);
  await ask('POST', '/v0.1/users/o2', { body: { ...rich, email: null } }, 201);
  await ask('GET', '/v0.1/users/o2');
  await ask('GET', '/v0.1/users?includeTotalCount');
  await ask('GET', '/v0.1/users?count');
  await ask('GET', '/v0.1/users/*/posts?limit=3');
  const query = { filter: 'age = $age', values: { age: 7 } };
  await ask('POST', '/v0.1/users/_query', { body: { query, includeTotalCount: true } });
  await ask('POST', '/v0.1/users/*/posts/_query', { body: {} });
  await ask('POST', '/v0.1/users/_count', { body: { query } });
  await ask('POST', '/v0.1/users/_query', { body: { limit: 0 } }, 400);
  await ask('POST', '/v0.1/users/o1/_send', { body: { event: 'wave', data: { x: 1 } } });
  await ask('POST', '/v0.1/users/o1/_send', { body: { data: 1 } }, 400);
  await ask('POST', '/v0.1/users/nobody/_send', { body: { event: 'wave' } }, 404);
  const once = { headers: { 'Idempotency-Key': 'k1' }, body: { name: 'Once' } };
  await ask('POST', '/v0.1/users', once, 201);
  await ask('POST', '/v0.1/users', once, 201);
  await ask('PATCH', '/v0.1/users/o2', { headers: ifMatch('1'), body: set('age', 8) });
  await ask('PATCH', '/v0.1/users/o2', { headers: ifMatch('1'), body: set('age', 9) }, 409);
  await ask('PATCH', '/v0.1/users/o2', { headers: ifMatch('2'), body: set('age', 'x') }, 409);
  await ask('PATCH', '/v0.1/users/o2', { body: set('age', 9) }, 428);
  await ask('DELETE', '/v0.1/users/o1', {}, 204);
  // Its friend is gone now.
  await ask('GET', '/v0.1/users/o2?fields=friend,name');
  await ask('GET', '/v0.1/users/o1', {}, 410);
  await ask('GET', '/v0.1/users/o2', { headers: { 'If-None-Match': '*' } }, 304);
  await ask('POST', '/v0.1/secrets/s', { uid: 'owner', body: { owner: 'owner' } }, 201);
  await ask('POST', '/v0.1/haunts/h', { uid: 'owner', body: { secret: '/secrets/s' } }, 201);
  await ask('GET', '/v0.1/haunts/h', { uid: 'owner' });
  await ask('GET', '/v0.1/haunts/h', { uid: 'other' });
  await ask('GET', '/v0.1/secrets/s', { uid: 'other' }, 403);
  await ask('GET', '/v0.1/users/nobody', {}, 404);
  await ask('GET', '/v0.1/users?limit=x', {}, 400);
  await ask('GET', '/v0.1/users?filter=(', {}, 409);
  await ask('GET', '/v0.1/users', { headers: { authorization: 'Bearer x' } }, 401);
  await ask('POST', '/v0.1/users', { body: { name: 'x'.repeat(2 ** 20) } }, 413);
  await ask('POST', '/v0.1/people', { body: { name: 'root' } }, 422);
  await ask('POST', '/v0.1/people', { body: { name: 'thrower' } }, 500);
  await ask('POST', '/v0.1/writeonly', { body: {} }, 201);
  await ask('POST', '/auth/anonymous', { body: { a: 1 } });
  expect(seen.size).toBeGreaterThan(22);
});

test('[OAS1] [OAS3] paths of accounts and tokens are in it, exactly those that are served', async () => {
  const api = await documentOf(letters.url);
  const folder = join(root, 'packages/server/src/gateway/http/auth');
  const sources = readdirSync(folder).filter((name) => /(?<!test)\.ts$/.test(name));
  const served = sources.flatMap((name) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return [...text.matchAll(/'(\/auth\/[\w/]+)'/g)].map(([, path = '']) => path);
  });
  // Other names for the same, and one that has to be configured.
  const others = [
    '/auth/anonymous/login',
    '/auth/userpass/signup',
    '/auth/userpass/login',
    '/auth/oidc/login',
  ];
  const reported = Object.keys(api.document.paths).filter((path) => path.startsWith('/auth/'));
  expect([...new Set(served)].filter((path) => !others.includes(path)).toSorted()).toEqual(
    reported.toSorted(),
  );
  const { document } = await documentOf(strict.url);
  expect(Object.keys(document.paths)).not.toContain('/auth/password/reset');

  const ask = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const target = `${letters.url}${path}`;
    const response = await fetch(target, { method: 'POST', headers, body: JSON.stringify(body) });
    const json: unknown = await response.json();
    const answer = {
      method: 'POST',
      path,
      status: response.status,
      headers: response.headers,
      json,
    };
    expect(api.problemOf(answer), path).toBeUndefined();
    return { status: response.status, json: json as Record<string, string> };
  };
  const secret = { 'X-Really-Secret': testSecret };
  const person = { email: 'someone@example.org', password: 'long enough' };
  expect((await ask('/auth/password/signup', { ...person, name: 'S' })).status).toBe(200);
  const { json } = await ask('/auth/password/login', person);
  const bearer = { authorization: `Bearer ${json.accessToken}` };
  expect((await ask('/auth/refresh', {}, bearer)).status).toBe(200);
  expect((await ask('/auth/tokens', { uid: 'minted' }, secret)).status).toBe(200);
  expect((await ask('/auth/accounts', { data: { name: 'A' } }, secret)).status).toBe(200);
  expect((await ask('/auth/tokens/revoke', { uid: 'minted' }, secret)).status).toBe(200);
  expect((await ask('/auth/tokens', { uid: 'x' })).status).toBe(403);
  expect((await ask('/auth/password/login', { ...person, password: 'wrong one' })).status).toBe(
    401,
  );
  expect((await ask('/auth/logout', {}, bearer)).status).toBe(200);
  expect((await ask('/auth/refresh', {}, bearer)).status).toBe(401);
});

test('[OAS3] an answer that is not as the document says would be found', async () => {
  const api = await documentOf(server.url);
  await send('POST', '/v0.1/users/f1', { body: { name: 'F' } });
  const good = await send('GET', '/v0.1/users/f1');
  expect(api.problemOf(good)).toBeUndefined();
  const body = { _r: '/users/f1', _rev: 1, name: 'F' };
  const meta = { fields: ['name'] };
  for (const json of [
    { r: '/users/f1', meta, body: { ...body, name: 3 } },
    { r: '/users/f1', meta, body: { ...body, more: 3 } },
    { r: '/users/f1', meta: { fields: ['nope'] }, body },
    { r: '/users/f1', meta, body: { name: 'F' } },
    { r: '/users/f1', body },
  ]) {
    expect(api.problemOf({ ...good, json })).toBeDefined();
  }
  expect(api.problemOf({ ...good, status: 299 })).toBeDefined();
  expect(api.problemOf({ ...good, headers: new Headers() })).toBeDefined();
});

test('[OAS2] in production it is for this machine and holders of the secret', async () => {
  const ask = async (url: string, headers: Record<string, string>) =>
    (await fetch(`${url}/openapi.json`, { headers })).status;
  expect(await ask(server.url, elsewhere)).toBe(403);
  expect(await ask(server.url, { ...elsewhere, 'x-really-secret': 'no' })).toBe(403);
  expect(await ask(server.url, { ...elsewhere, 'x-really-secret': testSecret })).toBe(200);
  expect(await ask(oddServer.url, elsewhere)).toBe(200);
});

test('[OAS1] it has an ETag, and If-None-Match gets 304', async () => {
  const first = await fetch(`${server.url}/openapi.json`);
  const etag = first.headers.get('etag') ?? '';
  await first.text();
  const again = await fetch(`${server.url}/openapi.json`, { headers: { 'If-None-Match': etag } });
  expect([again.status, await again.text()]).toEqual([304, '']);
});

const hiding = wireServer(
  { REALLY_OPENAPI: 'public' },
  {
    'models/ghosts/model.yaml':
      'version: 1\nfields:\n  secretName: { type: String }\naccess: { hidden: true, read: true, create: true }\n',
    'models/ghosts/bones/model.yaml': 'version: 1\nfields:\n  n: { type: Long }\n',
    'models/haunts/model.yaml':
      'version: 1\nfields:\n  ghost: { type: reference, collectionR: /ghosts, fields: [secretName] }\naccess: { read: true, create: true }\n',
  },
);

test('[OAS2] the public document has no hidden collections', async () => {
  const reported = await documentOf(hiding.url, elsewhere);
  const text = JSON.stringify(reported.document);
  expect(text).toContain('haunts');
  for (const word of ['ghosts', 'bones', 'secretName']) expect(text).not.toContain(word);
  const whole = JSON.stringify((await documentOf(hiding.url)).document);
  for (const word of ['/ghosts', 'bones', 'secretName']) expect(whole).toContain(word);
  const { valid } = await new Validator().validate(reported.document);
  expect(valid).toBe(true);
});
