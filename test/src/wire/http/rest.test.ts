import { expect, test } from 'vitest';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

interface Asked {
  readonly method?: string;
  readonly uid?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

async function ask(path: string, { method = 'GET', uid = 'one', headers = {}, body }: Asked = {}) {
  const authorization = `Bearer ${signToken({ uid }, testSecret)}`;
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  // Tests look into bodies freely.
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the server said
  const json: any = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, json };
}

const set = (key: string, value: unknown) => ({ ops: [{ op: 'set', key, value }] });
/** An ETag: revision, epoch and view. */
const tagOf = (rev: number) => new RegExp(`^"${rev}-[0-9a-f]{16}-[\\w-]{16}"$`);
const ifMatch = (rev: string) => ({ 'If-Match': rev });

test('[HTTP5] POST creates: 201, with its address and revision', async () => {
  const made = await ask('/v0.1/users', { method: 'POST', body: { name: 'Amal' } });
  expect(made.status).toBe(201);
  const { _r } = made.json.body;
  expect(made.json).toMatchObject({ r: '/users/*', body: { _rev: 1, shout: 'HELLO AMAL' } });
  expect(made.headers.get('location')).toBe(`/v0.1${_r}`);
  expect(made.headers.get('etag')).toMatch(tagOf(1));
  expect(made.headers.get('content-type')).toBe('application/json');
  const named = await ask('/v0.1/users/h1/', { method: 'POST', body: { name: 'Beno' } });
  expect(named.headers.get('location')).toBe('/v0.1/users/h1');
  const again = await ask('/v0.1/users/h1', { method: 'POST', body: { name: 'Beno' } });
  expect(again).toMatchObject({
    status: 409,
    json: { error: { message: 'object.already.exist' } },
  });
  const wrong = await ask('/v0.1/users', { method: 'POST', body: { age: -1 } });
  expect(wrong).toMatchObject({
    status: 409,
    json: {
      r: '/users/*',
      error: { code: 409, message: 'validation.failed', errors: { name: ['value.required'] } },
    },
  });
});

test('[HTTP6] GET gets; the ETag stands for the revision, and If-None-Match gets 304', async () => {
  await ask('/v0.1/users/g1', { method: 'POST', body: { name: 'G', age: 3 } });
  const got = await ask('/v0.1/users/g1?fields=name,shout');
  expect(got.status).toBe(200);
  expect(got.json).toEqual({
    r: '/users/g1',
    meta: { fields: ['name', 'shout'] },
    body: { _r: '/users/g1', _rev: 1, name: 'G', shout: 'HELLO G' },
  });
  const tag = got.headers.get('etag') ?? '';
  expect(tag).toMatch(tagOf(1));
  expect(got.headers.get('cache-control')).toBe('private, no-cache');
  expect(got.headers.get('vary')).toMatch(/\bAuthorization\b/i);
  for (const known of [tag, `W/${tag}`, `"7", W/${tag}`, '*']) {
    const { status, json, headers } = await ask('/v0.1/users/g1', {
      headers: { 'If-None-Match': known },
    });
    expect({ known, status, json, etag: headers.get('etag') }).toEqual({
      known,
      status: 304,
      json: undefined,
      etag: tag,
    });
  }
  // The revision alone does not identify the store or the view.
  for (const unknown of ['"1"', '1', tag.replace('"1-', '"2-'), tag.replace(/.{4}"$/, '____"')]) {
    const { status } = await ask('/v0.1/users/g1', { headers: { 'If-None-Match': unknown } });
    expect([unknown, status]).toEqual([unknown, 200]);
  }
  const head = await ask('/v0.1/users/g1', { method: 'HEAD' });
  expect([head.status, head.headers.get('etag'), head.json]).toEqual([200, tag, undefined]);
  expect((await ask('/v0.1/users/nobody')).status).toBe(404);
  expect((await ask('/v0.1/users/g1?fields=nothing')).status).toBe(400);
});

test('[REA12] a walk by texts of any length goes by URL', async () => {
  await ask('/v0.1/users/long', { method: 'POST', body: { name: 'Long' } });
  const titles = ['c', 'a', 'b'].map((letter) => letter.repeat(12_500));
  for (const [id, title] of titles.entries()) {
    await ask(`/v0.1/users/long/posts/${id}`, { method: 'POST', body: { title } });
  }
  const found: string[] = [];
  let token = '';
  for (let pages = 0; pages < 4; pages++) {
    const page = await ask(
      `/v0.1/users/long/posts?sort=title&limit=1&fields=likes${token && `&paginationToken=${token}`}`,
    );
    expect(page.status).toBe(200);
    const { items, tokens } = page.json.body;
    found.push(...items.map(({ body }: { body: { _r: string } }) => body._r));
    token = tokens?.nextToken ?? '';
    expect(token.length).toBeLessThanOrEqual(512);
  }
  expect(found).toEqual([1, 2, 0].map((id) => `/users/long/posts/${id}`));
});

test('[HTTP7] GET of a collection reads or counts', async () => {
  for (const n of [1, 2, 3]) {
    await ask(`/v0.1/users/c1/posts/${n}`, { method: 'POST', body: { title: 't', likes: n } });
    if (n === 1) {
      await ask('/v0.1/users/c1', { method: 'POST', body: { name: 'C' } });
      await ask('/v0.1/users/c1/posts/1', { method: 'POST', body: { title: 't', likes: 1 } });
    }
  }
  const query = `filter=${encodeURIComponent('likes >= $n')}&values=${encodeURIComponent('{"n":2}')}`;
  const read = await ask(
    `/v0.1/users/c1/posts?${query}&sort=-likes&limit=1&fields=likes&includeTotalCount=true`,
  );
  expect(read.status).toBe(200);
  expect(read.json).toMatchObject({
    r: '/users/c1/posts/*',
    body: {
      totalResults: 2,
      items: [{ meta: { fields: ['likes'] }, body: { _r: '/users/c1/posts/3', likes: 3 } }],
    },
  });
  const { nextToken } = read.json.body.tokens;
  const next = await ask(
    `/v0.1/users/c1/posts?${query}&sort=-likes&limit=1&paginationToken=${nextToken}`,
  );
  expect(next.json.body.items).toMatchObject([{ body: { likes: 2 } }]);
  for (const count of ['count', 'count=', 'count=true', 'count=1']) {
    expect((await ask(`/v0.1/users/*/posts?${query}&${count}`)).json).toEqual({
      r: '/users/*/posts/*',
      body: { totalResults: 2 },
    });
  }
  const wrong: readonly [string, string][] = [
    ['limit=0', 'cmdOpts.limit'],
    ['limit=x', 'cmdOpts.limit'],
    ['values=%7B', 'values'],
    ['values=%7B%7D', 'filter'],
    ['limit=1&limit=2', 'limit'],
    ['count=perhaps', 'count'],
    ['ascending=maybe', 'cmdOpts.ascending'],
    ['fields=nothing', 'cmdOpts.fields'],
  ];
  for (const [parameters, name] of wrong) {
    const { status, json } = await ask(`/v0.1/users?${parameters}`);
    expect({ parameters, status, message: json.error.message }).toEqual({
      parameters,
      status: 400,
      message: 'request.invalid',
    });
    expect(json.error.errors).toHaveProperty([name]);
  }
  expect((await ask('/v0.1/users?filter=(')).json.error).toMatchObject({
    code: 409,
    message: 'query.invalid',
  });
});

test('[HTTP7] fields may come as a list and as a parameter each', async () => {
  await ask('/v0.1/users/f1', { method: 'POST', body: { name: 'F', age: 3 } });
  for (const path of ['/v0.1/users/f1', '/v0.1/users']) {
    const one = await ask(`${path}?fields=name,age`);
    const each = await ask(`${path}?fields=name&fields=age`);
    expect(each.status).toBe(200);
    expect(each.json).toEqual(one.json);
  }
  expect((await ask('/v0.1/users?fields=name&fields=nothing')).status).toBe(400);
});

const ids = Array.from({ length: 600 }, (_, n) => `/users/an-id-that-is-as-long-as-many-${n}`);

test('[HTTP13] a URL may have 64 KiB', async () => {
  await ask(`/v0.1${ids[599]}`, { method: 'POST', body: { name: 'Last' } });
  const filter = `filter=${encodeURIComponent('_r in $ids')}`;
  const values = encodeURIComponent(JSON.stringify({ ids }));
  const url = `/v0.1/users?${filter}&values=${values}`;
  expect(url.length).toBeGreaterThan(20_000);
  const padded = `${url}&access_token=${'x'.repeat(64 * 1024 - url.length - 14)}`;
  expect(padded.length).toBe(64 * 1024);
  for (const path of [url, padded]) {
    const { status, json } = await ask(path);
    expect([status, json.body?.items]).toMatchObject([200, [{ body: { _r: ids[599] } }]]);
  }
  const tooLong = await ask(`${url}&access_token=${'x'.repeat(100_000)}`);
  expect(tooLong.status).toBe(431);
  expect(tooLong.json.error).toEqual({ code: 431, message: 'headers.too.large' });
  expect(tooLong.headers.get('access-control-allow-origin')).toBe('*');
});

test('[HTTP7] [HTTP14] a body may hold what a URL cannot: _query reads, _count counts', async () => {
  const post = (path: string, body?: unknown) =>
    ask(path, { method: 'POST', ...(body !== undefined && { body }) });
  await ask('/v0.1/users/q1', { method: 'POST', body: { name: 'Q' } });
  for (const likes of [1, 2, 3]) {
    const body = { title: 't', likes };
    await ask(`/v0.1/users/q1/posts/${likes}`, { method: 'POST', body });
  }
  const query = { filter: 'likes >= $n', values: { n: 2 } };
  const read = await post('/v0.1/users/q1/posts/_query', {
    query,
    sort: '-likes',
    limit: 1,
    fields: ['likes'],
    includeTotalCount: true,
  });
  expect(read.status).toBe(200);
  expect(read.json).toMatchObject({
    r: '/users/q1/posts/*',
    body: { totalResults: 2, items: [{ body: { _r: '/users/q1/posts/3', likes: 3 } }] },
  });
  expect(read.headers.get('cache-control')).toBe('private, no-cache');
  expect(read.headers.get('location')).toBe(null);
  const { nextToken } = read.json.body.tokens;
  const next = await post('/v0.1/users/q1/posts/_query/', {
    query,
    sort: '-likes',
    limit: 1,
    fields: ['likes'],
    paginationToken: nextToken,
  });
  expect(next.json.body.items).toMatchObject([{ body: { likes: 2 } }]);
  const below = { filter: '_r starts with $r', values: { r: '/users/q1/' } };
  const counts: readonly [string, object, number][] = [
    ['/v0.1/users/q1/posts/_count', { query }, 2],
    ['/v0.1/users/q1/posts/_count', { query, sort: '-likes', limit: 1, skip: 1, fields: [] }, 2],
    ['/v0.1/users/*/posts/*/_count/', { query: below }, 3],
  ];
  for (const [path, body, totalResults] of counts) {
    expect((await post(path, body)).json.body).toEqual({ totalResults });
  }
  const url = '/v0.1/users/q1/posts?filter=likes%3E1&limit=1&skip=1&sort=likes&count';
  expect((await ask(url)).json.body).toEqual({ totalResults: 2 });
  // As large as a message of the socket may be, and with nothing in it as well.
  const many = { filter: '_r in $ids', values: { ids: Array(9000).fill(ids[599]) } };
  expect((await post('/v0.1/users/_count', { query: many })).json.body).toEqual({
    totalResults: 1,
  });
  expect((await post('/v0.1/users/q1/posts/_query')).json.body.items).toHaveLength(3);
  const wrong: readonly [string, unknown, number, string][] = [
    ['/v0.1/users/_query', { limit: 0 }, 400, 'request.invalid'],
    ['/v0.1/users/_query', { limit: '5' }, 400, 'request.invalid'],
    ['/v0.1/users/_query', { subscribe: true }, 400, 'request.invalid'],
    ['/v0.1/users/_query', { since: 'x' }, 400, 'request.invalid'],
    ['/v0.1/users/_query', { query: { filter: '(' } }, 409, 'query.invalid'],
    ['/v0.1/users/_count', { query: 'name' }, 400, 'request.invalid'],
    ['/v0.1/users/_count', { limt: 1 }, 400, 'request.invalid'],
    ['/v0.1/users/_count', '[]', 400, 'json.malformed'],
    ['/v0.1/users/q1/_query', {}, 400, 'r.collection.required'],
    ['/v0.1/_query', {}, 400, 'r.invalid'],
    ['/v0.1/nothing/_query', {}, 404, 'model.unknown'],
  ];
  for (const [path, body, status, message] of wrong) {
    const answer = await post(path, body);
    expect([path, body, answer.status, answer.json.error.message]).toEqual([
      path,
      body,
      status,
      message,
    ]);
  }
  const reader = { method: 'POST', uid: 'other', body: {} };
  const writer = { method: 'POST', uid: 'owner', body: { owner: 'owner' } };
  await ask('/v0.1/secrets/q', writer);
  const counted = { query: { filter: '_r = $r', values: { r: '/secrets/q' } } };
  const total = async (uid: string) =>
    (await ask('/v0.1/secrets/_count', { ...reader, uid, body: counted })).json.body;
  expect([await total('owner'), await total('other')]).toEqual([
    { totalResults: 1 },
    { totalResults: 0 },
  ]);
  // For any other method they are objects, as on a socket.
  expect((await ask('/v0.1/users/_query')).status).toBe(404);
});

test('[HTTP8] PATCH updates the revision of If-Match; 428 without one', async () => {
  const made = await ask('/v0.1/users/p1', { method: 'POST', body: { name: 'P' } });
  const tag = made.headers.get('etag') ?? '';
  const whole = (n: number) => tag.replace('"1-', `"${n}-`);
  let rev = 1;
  const bare = [String, (n: number) => `"${n}"`, (n: number) => `W/"${n}"`];
  for (const shape of [...bare, whole, (n: number) => `W/${whole(n)}`]) {
    const patched = await ask('/v0.1/users/p1', {
      method: 'PATCH',
      headers: ifMatch(shape(rev)),
      body: set('name', `P${rev}`),
    });
    rev += 1;
    expect([patched.status, patched.json, patched.headers.get('etag')]).toEqual([
      200,
      { r: '/users/p1', rev },
      whole(rev),
    ]);
  }
  const without = await ask('/v0.1/users/p1', { method: 'PATCH', body: set('name', 'x') });
  expect(without).toMatchObject({
    status: 428,
    json: { error: { code: 428, message: 'revision.required' } },
  });
  const old = await ask('/v0.1/users/p1', {
    method: 'PATCH',
    headers: ifMatch('1'),
    body: set('name', 'x'),
  });
  expect(old).toMatchObject({
    status: 409,
    json: {
      error: {
        message: 'object.revision.outdated',
        errors: { 'obj.name': ['error.revision.outdated'] },
      },
    },
  });
  for (const garbage of ['x', '"1', '0', '-1', '"1" "2"', ',', '*, 1', '"*"', '1-gzip-x']) {
    const { status, json } = await ask('/v0.1/users/p1', {
      method: 'PATCH',
      headers: ifMatch(garbage),
      body: set('name', 'x'),
    });
    expect([garbage, status, json.error.errors]).toEqual([
      garbage,
      400,
      { 'If-Match': ['expected.revision'] },
    ]);
  }
});

test('[HTTP8] If-Match as proxies and caches change it, and several of them', async () => {
  const patch = async (match: string, ...ops: object[]) => {
    const request = { method: 'PATCH', headers: ifMatch(match), body: { ops } };
    const { status, json } = await ask('/v0.1/users/tags', request);
    return [match, status, status === 200 ? json.rev : json.error.message];
  };
  const rename = { op: 'set', key: 'name', value: 'T' };
  const count = { op: 'addNumber', key: 'age', value: 1 };
  await ask('/v0.1/users/tags', { method: 'POST', body: { name: 'T' } });
  let rev = 1;
  const endings = ['-gzip', '--gzip', ';gzip', '-br', '--br', '-zstd', '-deflate', '-GZIP'];
  const tags = endings.map((end) => (n: number) => `"${n}${end}"`);
  const others = [(n: number) => `W/"${n}-gzip"`, (n: number) => ` "${n}" `];
  const lists = [(n: number) => `"${n + 7}", "${n}"`, (n: number) => `W/"9999" , ,${n}`];
  for (const match of [...tags, ...others, ...lists]) {
    const given = match(rev);
    rev += 1;
    expect(await patch(given, rename)).toEqual([given, 200, rev]);
  }
  // An old revision merges or conflicts as ever, and of several the last that there was counts.
  const old = `"${rev - 1}-gzip"`;
  expect(await patch(old, rename)).toEqual([old, 409, 'object.revision.outdated']);
  expect(await patch(`"1", ${old}, "999"`, rename)).toContain('object.revision.outdated');
  rev += 1;
  expect(await patch(`"1", ${old}, "999"`, count)).toContain(rev);
  expect(await patch('"998", "999"', count)).toContain('object.revision.unknown');
  const got = async (known: string) => {
    const headers = { 'If-None-Match': known };
    return (await ask('/v0.1/users/tags', { headers })).status;
  };
  const tag = (await ask('/v0.1/users/tags')).headers.get('etag')?.slice(1, -1);
  for (const end of endings) expect([end, await got(`"${tag}${end}"`)]).toEqual([end, 304]);
  expect(await got(`W/"1-gzip", "${tag}--gzip"`)).toBe(304);
  for (const end of endings) {
    expect((await patch(`"${tag?.replace(/^\d+/, String(rev))}${end}"`, count))[1]).toBe(200);
    rev += 1;
  }
  expect(await got('"1-gzip"')).toBe(200);
});

test('[EPO2] If-Match of another store is 409, whatever its revision', async () => {
  const made = await ask('/v0.1/users/epo', { method: 'POST', body: { name: 'E' } });
  const tag = made.headers.get('etag') ?? '';
  const other = tag.replace(/-[0-9a-f]{16}-/, `-${'0'.repeat(16)}-`);
  const refused = { status: 409, json: { error: { message: 'object.revision.unknown' } } };
  const body = { ops: [{ op: 'addNumber', key: 'age', value: 1 }] };
  const patch = (match: string) =>
    ask('/v0.1/users/epo', { method: 'PATCH', headers: ifMatch(match), body });
  expect(await patch(other)).toMatchObject(refused);
  expect(await ask('/v0.1/users/epo', { method: 'DELETE', headers: ifMatch(other) })).toMatchObject(
    refused,
  );
  expect((await patch(`${other}, ${tag}`)).status).toBe(200);
  expect((await ask('/v0.1/users/epo')).json.body).toMatchObject({ _rev: 2, age: 1 });
});

test('[HTTP8] If-Match: * is whatever revision there is', async () => {
  const patch = async (path: string, ...ops: object[]) => {
    const { status, json } = await ask(path, {
      method: 'PATCH',
      headers: ifMatch('*'),
      body: { ops },
    });
    return [status, status === 200 ? json.rev : json.error.message];
  };
  const rename = { op: 'set', key: 'name', value: 'S' };
  await ask('/v0.1/users/star', { method: 'POST', body: { name: 'S' } });
  expect(await patch('/v0.1/users/star', rename)).toEqual([200, 2]);
  expect(await patch('/v0.1/users/star', rename)).toEqual([200, 3]);
  const push = { op: 'push', key: 'tags', value: 'a' };
  const both = [patch('/v0.1/users/star', push), patch('/v0.1/users/star', push)];
  // Over two connections: either may come first.
  expect(new Set((await Promise.all(both)).map(String))).toEqual(new Set(['200,4', '200,5']));
  expect((await ask('/v0.1/users/star')).json.body).toMatchObject({ _rev: 5, tags: ['a', 'a'] });
  expect(await patch('/v0.1/users/nobody', rename)).toEqual([404, 'object.missing']);
  const gone = await ask('/v0.1/users/star', { method: 'DELETE', headers: ifMatch('"4", "5-br"') });
  expect(gone.status).toBe(204);
  expect(await patch('/v0.1/users/star', rename)).toEqual([410, 'object.gone']);
});

test('[HTTP9] DELETE deletes: 204', async () => {
  await ask('/v0.1/users/d1', { method: 'POST', body: { name: 'D' } });
  expect((await ask('/v0.1/users/d1', { method: 'DELETE', headers: ifMatch('"9"') })).status).toBe(
    409,
  );
  const gone = await ask('/v0.1/users/d1', { method: 'DELETE', headers: ifMatch('1') });
  expect([gone.status, gone.json]).toEqual([204, undefined]);
  expect((await ask('/v0.1/users/d1')).status).toBe(410);
  expect((await ask('/v0.1/users/d1', { method: 'DELETE' })).json.error.message).toBe(
    'object.gone',
  );
});

test('[HTTP4] the token is in Authorization or in access_token', async () => {
  const url = `${server.url}/v0.1/users?limit=1`;
  const token = signToken({ uid: 'one' }, testSecret);
  expect((await fetch(`${url}&access_token=${token}`)).status).toBe(200);
  const cases: readonly [RequestInit, string][] = [
    [{}, 'token.missing'],
    [{ headers: { authorization: 'Bearer nonsense' } }, 'token.invalid'],
    [{ headers: { authorization: 'Basic abc' } }, 'token.invalid'],
    [{ headers: { authorization: 'Bearer' } }, 'token.invalid'],
    [
      {
        headers: {
          authorization: `Bearer ${signToken({ uid: 'one', expires: 1000 }, testSecret)}`,
        },
      },
      'token.expired',
    ],
  ];
  for (const [init, detail] of cases) {
    const response = await fetch(url, init);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(((await response.json()) as { error: unknown }).error).toEqual({
      code: 401,
      message: 'invalid/incorrect/expired access token',
      errors: { accessToken: [detail] },
    });
  }
  expect(server.process.output.stdout + server.process.output.stderr).not.toContain(token);
});

test('[HTTP4] credentials of another scheme, as a proxy wants them, do not silence access_token', async () => {
  const token = signToken({ uid: 'one' }, testSecret);
  const ask = async (authorization: string, parameter = `access_token=${token}`) => {
    const url = `${server.url}/v0.1/users?limit=1&${parameter}`;
    const response = await fetch(url, { headers: { authorization } });
    return response.status;
  };
  for (const scheme of ['Basic', 'basic', 'Digest', 'Negotiate', 'NTLM']) {
    expect([scheme, await ask(`${scheme} dXNlcjpwYXNz`)]).toEqual([scheme, 200]);
    expect([scheme, await ask(`${scheme} dXNlcjpwYXNz`, '')]).toEqual([scheme, 401]);
  }
  // The bearer token takes precedence, even if it is invalid.
  expect(await ask('Bearer nonsense')).toBe(401);
  expect(await ask('Bearer ')).toBe(401);
  expect(await ask(`bearer  ${token} `, 'access_token=nonsense')).toBe(200);
});

test('[HTTP4] rights and errors are those of the socket', async () => {
  await ask('/v0.1/secrets/1', { method: 'POST', uid: 'owner', body: { owner: 'owner' } });
  expect((await ask('/v0.1/secrets/1', { uid: 'owner' })).status).toBe(200);
  expect((await ask('/v0.1/secrets/1', { uid: 'other' })).json.error).toEqual({
    code: 403,
    message: 'forbidden',
  });
  expect((await ask('/v0.1/secrets', { uid: 'other' })).json.body.items).toEqual([]);
  expect((await ask('/v0.1/nothing')).json.error).toMatchObject({
    code: 404,
    message: 'model.unknown',
  });
  expect((await ask('/v0.1/users/*/posts/1')).json.error).toMatchObject({
    code: 400,
    message: 'r.invalid',
  });
  expect((await ask('/v0.1/users//posts')).json.error).toMatchObject({
    code: 400,
    message: 'r.invalid',
  });
  const put = await ask('/v0.1/users/1', { method: 'PUT', body: {} });
  expect([put.status, put.json.error.message, put.headers.get('allow')]).toEqual([
    405,
    'command.unknown',
    'GET, HEAD, POST, PATCH, DELETE, OPTIONS',
  ]);
  const garbage = await ask('/v0.1/users', { method: 'POST', body: '{"name"' });
  expect([garbage.status, garbage.json.error.message]).toEqual([400, 'json.malformed']);
  const large = await ask('/v0.1/users', { method: 'POST', body: { name: 'x'.repeat(2 ** 20) } });
  expect([large.status, large.json.error.message]).toEqual([413, 'message.too.large']);
});

test('[HTTP10] Idempotency-Key is the once of a write', async () => {
  const post = { method: 'POST', headers: { 'Idempotency-Key': 'key-1' }, body: { name: 'once' } };
  const first = await ask('/v0.1/users', post);
  const second = await ask('/v0.1/users', post);
  expect(second.json).toEqual({
    r: '/users/*',
    meta: { repeated: true },
    body: { _r: first.json.body._r, _rev: 1 },
  });
});

test('[CON3] another version of the protocol', async () => {
  const response = await fetch(`${server.url}/v9/users`);
  expect([response.status, await response.json()]).toEqual([
    400,
    { code: 400, reason: 'protocol version is not supported' },
  ]);
});

test('[HTTP12] large responses are compressed for clients that accept it', async () => {
  await ask('/v0.1/users/z1', { method: 'POST', body: { name: 'Z', extra: 'x'.repeat(5000) } });
  const gzip = { headers: { 'Accept-Encoding': 'gzip' } };
  const large = await ask('/v0.1/users/z1', gzip);
  expect(large.headers.get('content-encoding')).toBe('gzip');
  expect(large.headers.get('vary')).toMatch(/authorization/i);
  expect(large.headers.get('vary')).toMatch(/accept-encoding/i);
  expect(large.json.body.extra).toHaveLength(5000);
  expect(
    (await ask('/v0.1/users/z1?fields=name', gzip)).headers.get('content-encoding'),
  ).toBeNull();
});
