import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childCollection, isId, isSystemName, type ParsedR, parseR } from './r.js';

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,11}$/);
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const ending = fc.constantFrom('', '/');

describe('objects', () => {
  test('[R1] a path that ends with an id is an object', () => {
    expect(parseR('/users/123/posts/456')).toEqual({
      kind: 'object',
      r: '/users/123/posts/456',
      names: ['users', 'posts'],
      ids: ['123', '456'],
      id: '456',
      collection: '/users/123/posts/*',
      parent: '/users/123',
    });
  });

  test('[R1] a name in the position of an id is an id', () => {
    expect(parseR('/users/posts')).toEqual({
      kind: 'object',
      r: '/users/posts',
      names: ['users'],
      ids: ['posts'],
      id: 'posts',
      collection: '/users/*',
      parent: undefined,
    });
  });

  test('[R1] [R4] every path of names and ids is an object and prints as it was written', () => {
    const steps = fc.array(fc.tuple(name, id), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(steps, ending, (pairs, end) => {
        const r = `/${pairs.flat().join('/')}`;
        const parsed = parseR(r + end);
        expect(parsed).toMatchObject({
          kind: 'object',
          r,
          names: pairs.map(([step]) => step),
          ids: pairs.map(([, step]) => step),
          parent: pairs.length > 1 ? `/${pairs.slice(0, -1).flat().join('/')}` : undefined,
        });
        expect(reparsed(parsed, 'collection')).toMatchObject({ kind: 'collection' });
      }),
    );
  });
});

describe('collections', () => {
  test.each([
    ['/users', '/users/*', ['users'], []],
    ['/users/', '/users/*', ['users'], []],
    ['/users/*', '/users/*', ['users'], []],
    ['/users/*/', '/users/*', ['users'], []],
    ['/users/123/posts', '/users/123/posts/*', ['users', 'posts'], ['123']],
    ['/users/*/posts', '/users/*/posts/*', ['users', 'posts'], ['*']],
    [
      '/users/123/posts/*/comments',
      '/users/123/posts/*/comments/*',
      ['users', 'posts', 'comments'],
      ['123', '*'],
    ],
  ])('[R3] [R4] %s is the collection %s', (text, r, names, parents) => {
    expect(parseR(text)).toEqual({ kind: 'collection', r, names, parents });
  });

  test('[R3] [R4] ids, then wildcards: printed in one form, whatever the ending', () => {
    const shape = fc.record({
      above: fc.array(fc.tuple(name, id), { maxLength: 3 }),
      wild: fc.array(name, { maxLength: 3 }),
      last: name,
      end: fc.constantFrom('', '/', '/*', '/*/'),
    });
    fc.assert(
      fc.property(shape, ({ above, wild, last, end }) => {
        const steps = [...above.flat(), ...wild.flatMap((step) => [step, '*']), last];
        const r = `/${steps.join('/')}/*`;
        expect(parseR(`/${steps.join('/')}${end}`)).toEqual({
          kind: 'collection',
          r,
          names: steps.filter((_, index) => index % 2 === 0),
          parents: steps.filter((_, index) => index % 2 === 1),
        });
        expect(parseR(r)?.r).toBe(r);
      }),
    );
  });

  test('[R3] an id after a wildcard is refused', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, id), { maxLength: 2 }),
        name,
        name,
        id,
        (above, a, b, last) => {
          const path = [...above.flat(), a, '*', b, last].join('/');
          expect(parseR(`/${path}`)).toBeUndefined();
          expect(parseR(`/${path}/more`)).toBeUndefined();
        },
      ),
    );
  });
});

describe('texts that are no R', () => {
  test.each([
    '',
    '/',
    '//',
    'users',
    'users/1',
    '/users//',
    '/users//1',
    '//users',
    '/users/1//',
    '/users/**',
    '/users/*x',
    '/*',
    '/*/1',
    '/1users',
    '/-users',
    '/users/a b',
    '/users/a.b',
    '/users/a%20b',
    '/users/é',
    '/üsers',
    '/users/1\n',
    '/users\n',
    '\n/users/1',
    '/users/1/',
    ' /users',
    `/users/${'x'.repeat(65)}`,
    '/users/*/followers/123',
    null,
    undefined,
    7,
    true,
    ['/users'],
    { r: '/users' },
  ])('[R2] %j', (text) => {
    if (text === '/users/1/') expect(parseR(text)).toBeDefined();
    else expect(parseR(text)).toBeUndefined();
  });

  test('[R2] the printed form of any accepted text means the same', () => {
    const character = fc.constantFrom('/', '*', 'a', '1', '_', '-', ' ', 'é', '.');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 14 }), (text) => {
        const parsed = parseR(text);
        if (parsed !== undefined) expect(parseR(parsed.r)).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });

  test('[R2] a very long text takes linear time', () => {
    expect(parseR(`${'/a/1'.repeat(200_000)}/`)?.kind).toBe('object');
    expect(parseR('/'.repeat(1_000_000))).toBeUndefined();
  });
});

test('[R2] ids have 1 to 64 letters, digits, _ and -', () => {
  expect(isId('x'.repeat(64))).toBe(true);
  expect(isId('__proto__')).toBe(true);
  for (const text of ['', 'x'.repeat(65), '*', 'a/b', 'a\n', 5, undefined]) {
    expect(isId(text)).toBe(false);
  }
});

test("[R5] system names are parsed, and recognised as the system's", () => {
  expect(['_logs', '__proto__', 'socket'].map(isSystemName)).toEqual([true, true, true]);
  expect(['users', 'sockets', 'a_b'].map(isSystemName)).toEqual([false, false, false]);
  expect(parseR('/_logs/1')).toMatchObject({ kind: 'object', names: ['_logs'] });
});

test('[R4] the collection under an object', () => {
  expect(childCollection('/users/1', 'posts')).toBe('/users/1/posts/*');
});

/** The collection or parent of an object, parsed. */
function reparsed(parsed: ParsedR | undefined, member: 'collection'): ParsedR | undefined {
  return parsed?.kind === 'object' ? parseR(parsed[member]) : undefined;
}
