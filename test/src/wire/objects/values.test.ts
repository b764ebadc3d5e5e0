import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { rawRequest, sendRaw } from '../../harness/raw-http.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer(
  {},
  {
    'models/things/model.yaml': `version: 1
fields:
  n: { type: Long }
  j: { type: Json }
  at: { type: Date }
access: { create: true, read: true, update: true, delete: true }
`,
    'models/users/model.yaml': `version: 1
fields: { name: { type: String }, age: { type: Long } }
access: { create: true, read: true }
`,
  },
);

const bearer = { Authorization: `Bearer ${signToken({ uid: 'one' }, testSecret)}` };

async function ask(line: string, body = '', headers: Readonly<Record<string, string>> = bearer) {
  const [answer] = await sendRaw(server.url, rawRequest(line, headers, body));
  if (answer === undefined) throw new Error('no answer');
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the server said
  const json: any = answer.body === '' ? undefined : JSON.parse(answer.body);
  return { status: answer.status, json };
}

const { stringify } = JSON;
const query = (parameters: Readonly<Record<string, string>>) => new URLSearchParams(parameters);

describe('numbers that would not be kept', () => {
  test('[NUM1] [NUM2] over HTTP: in bodies, in values, in the data of tokens', async () => {
    for (const j of ['1e400', '9007199254740993', '{"a":[-1e400]}']) {
      const { status, json } = await ask('POST /v0.1/things', `{"j":${j}}`);
      expect([status, json.error.errors]).toEqual([409, { j: ['type.invalid'] }]);
    }
    const long = await ask('POST /v0.1/things', '{"n":9007199254740990.9}');
    expect([long.status, long.json.error.errors]).toEqual([409, { n: ['type.invalid'] }]);
    for (const x of ['1e400', '9007199254740990.9']) {
      const search = query({ filter: 'n < $x', values: `{"x":${x}}` });
      expect((await ask(`GET /v0.1/things?${search}`)).json.error.message).toBe('query.invalid');
    }
    const secret = { 'X-Really-Secret': testSecret };
    const data = '{"ids":[1,9007199254740993]}';
    const minted = await ask('POST /auth/tokens', `{"uid":"u","data":${data}}`, secret);
    expect([minted.status, minted.json.error.errors]).toEqual([
      400,
      { 'data.ids[1]': ['number.out.of.range'] },
    ]);
    const anonymous = await ask('POST /auth/anonymous', '{"a":{"b":1e400}}', {});
    expect([anonymous.status, anonymous.json.error.errors]).toEqual([
      400,
      { 'a.b': ['number.out.of.range'] },
    ]);
    const account = await ask('POST /auth/accounts', '{"data":{"age":9007199254740990.9}}', secret);
    expect([account.status, account.json.error.errors]).toEqual([409, { age: ['type.invalid'] }]);
    const member = '"age":9007199254740990.9';
    const signup = `{"email":"a@b.example","password":"long enough",${member}}`;
    const signed = await ask('POST /auth/password/signup', signup, {});
    expect([signed.status, signed.json.error.errors]).toEqual([409, { age: ['type.invalid'] }]);
  });

  test('[NUM1] a token of another issuer with such a number is invalid', async () => {
    const part = (text: string) => Buffer.from(text).toString('base64url');
    const claims = '{"uid":"u","data":{"n":1e400}}';
    const content = `${part('{"alg":"HS256","typ":"JWT"}')}.${part(claims)}`;
    const token = `${content}.${createHmac('sha256', testSecret).update(content).digest('base64url')}`;
    const headers = { Authorization: `Bearer ${token}` };
    const { status, json } = await ask('GET /v0.1/things', '', headers);
    expect([status, json.error.errors]).toEqual([401, { accessToken: ['token.invalid'] }]);
  });

  test('[NUM1] [NUM2] on a socket, which stays usable', async () => {
    using client = await server.as('one');
    const answer = async (text: string) => {
      client.send(text);
      return await client.nextPush();
    };
    const created = await answer('{"tag":900,"cmd":"create","r":"/things","body":{"j":1e400}}');
    expect(created).toMatchObject({ tag: 900, error: { errors: { j: ['type.invalid'] } } });
    const ping = await answer('{"tag":901,"cmd":"ping","timestamp":1e400}');
    expect(ping).toMatchObject({
      tag: 901,
      error: { code: 400, errors: { timestamp: ['number.out.of.range'] } },
    });
    const nulls = '"traceId":null,"rev":null,"cmdOpts":null';
    const fine = await answer(`{"tag":902,"cmd":"create","r":"/things/1",${nulls},"body":{"n":1}}`);
    expect(fine).toMatchObject({ tag: 902, body: { _r: '/things/1' } });
  });
});

describe('parameters and options that are not known', () => {
  test.each([
    ['GET /v0.1/things?limt=5', 'limt', 'limit'],
    ['GET /v0.1/things?Filter=n', 'Filter', 'filter'],
    ['GET /v0.1/things?count&value={}', 'value', 'values'],
    ['HEAD /v0.1/things?since=1', 'since', 'fields'],
    ['GET /v0.1/things/1?filter=n', 'filter', 'fields'],
    ['GET /v0.1/things?__proto__=1', '__proto__', 'count'],
    ['POST /v0.1/things?once=1', 'once', 'access_token'],
    ['PATCH /v0.1/things/1?rev=1', 'rev', 'access_token'],
    ['DELETE /v0.1/things/1?rev=1', 'rev', 'access_token'],
  ])('[HTTP16] %s is refused', async (line, name, nearest) => {
    const { status, json } = await ask(line, line.startsWith('P') ? '{}' : '');
    expect(status).toBe(400);
    if (line.startsWith('HEAD')) return;
    const { message, errors } = json.error;
    expect([message, Object.keys(errors)]).toEqual(['request.invalid', [name]]);
    expect(errors[name][0]).toBe('parameter.unknown');
    if (name !== '__proto__') expect(errors[name][1]).toBe(`expected.${nearest}`);
  });

  test('[HTTP16] those that are known are taken, and the token in its parameter', async () => {
    const token = signToken({ uid: 'one' }, testSecret);
    const all = {
      ...{ filter: 'n != $x', values: '{"x":5}', fields: 'n', sort: 'n', limit: '5', skip: '0' },
      ...{ includeTotalCount: 'true', access_token: token },
    };
    expect((await ask(`GET /v0.1/things?${query(all)}`, '', {})).status).toBe(200);
    const made = await ask(`POST /v0.1/things/2?access_token=${token}`, '{}', {});
    expect(made.status).toBe(201);
    expect((await ask(`GET /v0.1/things/2?fields=n&access_token=${token}`, '', {})).status).toBe(
      200,
    );
  });

  test('[ENV9] on a socket', async () => {
    using client = await server.as('one');
    const message = { cmd: 'read', r: '/things', cmdOpts: { limt: 5 } };
    const { error } = await client.request(message);
    const errors = { 'cmdOpts.limt': ['member.unknown', 'expected.limit'] };
    expect(error).toEqual({ code: 400, message: 'request.invalid', errors });
  });
});

test('[FORM1] [RQL4] a text that is not an instant is 409 over HTTP, another spelling of an instant is found', async () => {
  await ask('POST /v0.1/things/3', '{"at":"2024-01-01T00:00:00Z"}');
  const count = async (at: string) =>
    await ask(
      `GET /v0.1/things?${query({ filter: 'at = $at', values: stringify({ at }), count: '' })}`,
    );
  expect((await count('2024-01-01T02:00+02:00')).json.body).toEqual({ totalResults: 1 });
  const { status, json } = await count('2024-01-01 00:00:00Z');
  expect([status, json.error.message]).toEqual([409, 'query.invalid']);
  expect(stringify(json.error.errors)).toContain('$at');
});
