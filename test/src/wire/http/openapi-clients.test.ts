import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import openApiTypes, { astToString } from 'openapi-typescript';
import { expect, test } from 'vitest';
import { root } from '../../conventions/sources.js';
import { testSecret } from '../../harness/server-process.js';
import { signToken } from '../../harness/token.js';
import { wireServer } from '../wire-server.js';

const server = wireServer();

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** What an app's developer would write against types that were generated from the document. Each `@ts-expect-error` has to be one. */
const client = `import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

const [baseUrl = '', token = ''] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl, headers: { Authorization: \`Bearer \${token}\` } });

/** Whether two types are the same one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const proven = <_T extends true>() => {};

const said: unknown[] = [];

// What has a default is not needed, and what a model requires is.
const made = await api.POST('/v0.1/users', {
  body: { name: 'Amal', age: 3, extra: { any: ['thing'] }, picture: { sizes: [1] } },
});
// @ts-expect-error name is required
const wrong = await api.POST('/v0.1/users', { body: { age: 3 } });
// @ts-expect-error a name is text
const mistyped = await api.POST('/v0.1/users', { body: { name: 3 } });
said.push(made.response.status, made.data?.body.locale, wrong.error?.error.errors, mistyped.response.status);
proven<Same<NonNullable<typeof made.data>, components['schemas']['Users.created']>>();

// The body of a page has its fields, and is no text.
const page = await api.GET('/v0.1/users', {
  params: {
    query: {
      fields: ['name', 'age'],
      filter: 'age >= $least',
      values: JSON.stringify({ least: 3 }),
      limit: 5,
      includeTotalCount: true,
    },
  },
});
proven<Same<NonNullable<typeof page.data>, components['schemas']['Users.pageOrCount']>>();
const name: string | undefined = page.data?.body.items?.[0]?.body.name;
// @ts-expect-error there is no such field
const nothing: unknown = page.data?.body.items?.[0]?.body.nothing;
said.push(page.response.status, name, nothing, page.data?.body.totalResults);

// The same in a body.
const found = await api.POST('/v0.1/users/_query', {
  body: { query: { filter: 'age in $ages', values: { ages: [3] } }, fields: ['name'], sort: 'age' },
});
const first: string | undefined = found.data?.body.items[0]?.body.name;
const counted = await api.POST('/v0.1/users/_count', { body: { query: { filter: 'age = 3' } } });
const total: number | undefined = counted.data?.body.totalResults;
said.push(found.response.status, first, total);

// An object, its revision, and an update.
const usersId = made.data?.body._r.split('/')[2] ?? '';
const got = await api.GET('/v0.1/users/{usersId}', { params: { path: { usersId } } });
proven<Same<NonNullable<typeof got.data>, components['schemas']['Users.answer']>>();
const updated = await api.PATCH('/v0.1/users/{usersId}', {
  params: { path: { usersId }, header: { 'If-Match': got.response.headers.get('ETag') ?? '*' } },
  body: { ops: [{ op: 'set', key: 'extra', value: { more: { and: 'more' } } }] },
});
const blind = await api.PATCH('/v0.1/users/{usersId}', {
  // @ts-expect-error an update names the revision
  params: { path: { usersId } },
  body: { ops: [{ op: 'set', key: 'age', value: 4 }] },
});
said.push(got.data?.body.name, updated.data?.rev, blind.error?.error.message);

// Objects that may hold anything may.
const anonymous = await api.POST('/auth/anonymous', { body: { name: 'Amal', list: [1] } });
const signup = await api.POST('/auth/password/signup', {
  body: { email: 'client@example.org', password: 'long enough', name: 'Client' },
});
const minted = await api.POST('/auth/tokens', { body: { uid: 'u', data: { role: 'x' } } });
said.push(anonymous.data?.authType, signup.data?.user.email, minted.response.status);

console.log(JSON.stringify(said));
`;

const tsconfig = {
  compilerOptions: {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom', 'dom.iterable'],
    types: ['node'],
    skipLibCheck: true,
  },
};

test('[OAS4] a generated client compiles, knows the types, and works', async () => {
  const response = await fetch(`${server.url}/openapi.json`);
  const types = astToString(await openApiTypes((await response.json()) as never));
  const folder = await mkdtemp(join(tmpdir(), 'really-client-'));
  try {
    await mkdir(join(folder, 'node_modules'));
    await symlink(join(root, 'node_modules/@types'), join(folder, 'node_modules/@types'));
    const fetching = dirname(require.resolve('openapi-fetch/package.json'));
    await symlink(fetching, join(folder, 'node_modules/openapi-fetch'));
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
    await writeFile(join(folder, 'api.d.ts'), types);
    await writeFile(join(folder, 'client.ts'), client);
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const compiled = await run(process.execPath, [tsc, '-p', folder]).then(
      () => '',
      ({ stdout }: { stdout: string }) => stdout,
    );
    expect(compiled).toBe('');
    const token = signToken({ uid: 'client' }, testSecret);
    const made = [join(folder, 'client.js'), server.url, token];
    const { stdout } = await run(process.execPath, made);
    expect(JSON.parse(stdout)).toEqual([
      ...[201, 'en', { name: ['value.required'] }, 409],
      ...[200, 'Amal', null, 1],
      ...[200, 'Amal', 1],
      ...['Amal', 2, 'revision.required'],
      ...['anonymous', 'client@example.org', 403],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
