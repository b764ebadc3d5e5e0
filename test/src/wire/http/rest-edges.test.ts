import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { rawRequest, sendRaw } from '../../harness/raw-http.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();
const narrowed = wireServer({ REALLY_CORS: 'https://app.example' });

const bearer = (uid = 'one') => ({ Authorization: `Bearer ${signToken({ uid }, testSecret)}` });

async function ask(line: string, headers: Readonly<Record<string, string>> = {}, body = '') {
  const answers = await sendRaw(server.url, rawRequest(line, { ...bearer(), ...headers }, body));
  const [answer] = answers;
  if (answer === undefined) throw new Error('no answer');
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the server said
  const json: any = answer.body === '' ? undefined : JSON.parse(answer.body);
  return { ...answer, json };
}

test('[HTTP4] a wrongly percent-encoded path is an invalid R', async () => {
  const paths = ['users/%', 'users/%zz', 'users/%ff', 'us%00ers', 'users/%zz$&'];
  for (const path of paths.map((rest) => `/v0.1/${rest}`)) {
    const { status, json } = await ask(`GET ${path}?fields=name`);
    expect([path, status, json]).toEqual([
      path,
      400,
      { error: { code: 400, message: 'r.invalid' } },
    ]);
  }
  await ask('POST /v0.1/users/enc', {}, '{"name":"E"}');
  expect((await ask('GET /v0.1/us%65rs/enc')).status).toBe(200);
  expect((await ask('GET http://elsewhere.example/v0.1/users/enc')).status).toBe(200);
});

test('[HTTP4] a version of any length is not supported', async () => {
  const { status, json } = await ask(`GET /v${'1'.repeat(3000)}/users`);
  expect([status, json]).toEqual([400, { code: 400, reason: 'protocol version is not supported' }]);
});

test('[HTTP4] a method that is not served is 405, known to HTTP or not', async () => {
  for (const method of ['PUT', 'PURGE', 'PROPFIND', 'TRACE', 'QUERY']) {
    const { status, headers, json } = await ask(`${method} /v0.1/users`);
    expect([method, status, headers.allow, json.error.message]).toEqual([
      method,
      405,
      'GET, HEAD, POST, OPTIONS',
      'command.unknown',
    ]);
  }
  const made = await ask('BREW /v0.1/users');
  expect([made.status, made.headers.allow]).toEqual([405, expect.stringContaining('PATCH')]);
  expect((await ask('DELETE /v0.1/users/*')).status).toBe(405);
});

test('[HTTP4] a path that no URL can have is not found, whatever the method', async () => {
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PURGE']) {
    for (const path of ['/\\', '/\\\\x', '//', '//[', '/a\\b', '/%5c', '/%00']) {
      const [answer] = await sendRaw(server.url, rawRequest(`${method} ${path}`, bearer()));
      expect([method, path, answer?.status]).toEqual([method, path, 404]);
    }
  }
});

test('[HTTP4] a body is JSON whatever its type is said to be, and may be compressed', async () => {
  for (const type of ['text/plain', 'garbage;;;', 'multipart/form-data', '']) {
    const { status } = await ask('POST /v0.1/users', { 'Content-Type': type }, '{"name":"T"}');
    expect([type, status]).toEqual([type, 201]);
  }
  const encoded = async (encoding: string, bytes: Buffer) => {
    const head = { ...bearer(), 'Content-Encoding': encoding, 'Content-Length': `${bytes.length}` };
    const [answer] = await sendRaw(server.url, rawRequest('POST /v0.1/users', head), bytes);
    const { error } = JSON.parse(answer?.body ?? '');
    return [answer?.status, error?.errors ?? error?.message];
  };
  const zipped = gzipSync('{"name":"Z"}');
  expect(await encoded('gzip', zipped)).toEqual([201, undefined]);
  expect(await encoded('GZIP', zipped)).toEqual([201, undefined]);
  const bomb = gzipSync(`{"name":"${'z'.repeat(30_000_000)}"}`);
  expect(await encoded('gzip', bomb)).toEqual([413, 'message.too.large']);
  const wrong = (detail: string) => [400, { 'Content-Encoding': [detail] }];
  expect(await encoded('zstd', zipped)).toEqual(wrong('expected.gzip.or.br.or.deflate'));
  expect(await encoded('br', zipped)).toEqual(wrong('expected.as.the.body'));
});

test('[HTTP4] [LIM1] a client that sends a too large body gets an error, and may go on', async () => {
  const large = `{"name":"${'x'.repeat(3 * 2 ** 20)}"}`;
  const head = { ...bearer(), Connection: 'keep-alive' };
  const [refused, next] = await sendRaw(
    server.url,
    rawRequest('POST /v0.1/users', head, large),
    rawRequest('GET /v0.1/users?count', bearer()),
  );
  expect([refused?.status, JSON.parse(refused?.body ?? '')]).toEqual([
    413,
    { error: { code: 413, message: 'message.too.large' } },
  ]);
  expect(next?.status).toBe(200);
});

test('[HTTP7] [LIM8] values that are too deep are refused, and others are answered as before', async () => {
  const read = (values: string) => {
    const filter = encodeURIComponent('name = $a');
    return ask(`GET /v0.1/users?filter=${filter}&values=${values.replaceAll('"', '%22')}`);
  };
  const nested = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  // The message, cmdOpts, query and values are levels too.
  expect((await read(nested(60))).status).toBe(200);
  for (const levels of [61, 7000, 7000, 7000]) {
    const { status, json } = await read(nested(levels));
    expect([status, json.error.errors]).toEqual([400, { 'values.a': ['too.deep'] }]);
  }
  const long = 'k'.repeat(257);
  expect((await read(`{"${long}":1}`)).json.error.errors).toEqual({
    [`values.${long.slice(1)}`]: ['key.too.long'],
  });
  for (let times = 0; times < 4; times++) expect((await read('{"a":1}')).status).toBe(200);
});

test('[HTTP9] DELETE with If-Match: * deletes whatever revision there is', async () => {
  await ask('POST /v0.1/users/any', {}, '{"name":"A"}');
  expect((await ask('DELETE /v0.1/users/any', { 'If-Match': '*' })).status).toBe(204);
});

test('[HTTP11] options that do not fit a stream are refused before it begins', async () => {
  const events = { Accept: 'application/json;q=0.5, text/event-stream' };
  for (const parameter of ['count', 'skip=1', 'paginationToken=x']) {
    const { status, json } = await ask(`GET /v0.1/users?${parameter}`, events);
    expect([parameter, status, json.error.message]).toEqual([parameter, 400, 'request.invalid']);
  }
  for (const accept of ['text/event-stream;q=0', 'text/event-streams', 'application/json']) {
    const { headers } = await ask('GET /v0.1/users?limit=1', { Accept: accept });
    expect(headers['content-type']).toBe('application/json');
  }
});

test('[HTTP3] OPTIONS is answered to every client', async () => {
  const { status, headers } = await ask('OPTIONS /v0.1/users/1');
  expect(status).toBe(204);
  expect(headers.allow).toBe('GET, HEAD, POST, PATCH, DELETE, OPTIONS');
  expect(headers['access-control-allow-methods']).toBe('GET, HEAD, POST, PATCH, DELETE');
});

test('[HTTP3] [HTTP6] responses vary by origin if origins are limited, and by token always', async () => {
  const request = rawRequest('GET /v0.1/users?count', {
    ...bearer(),
    Origin: 'https://app.example',
  });
  const [answer] = await sendRaw(narrowed.url, request);
  expect(answer?.headers).toMatchObject({
    vary: 'Origin, Authorization',
    'access-control-allow-origin': 'https://app.example',
    'cache-control': 'private, no-cache',
  });
});
