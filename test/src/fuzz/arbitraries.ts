import type { JsonValue } from '@really/protocol';
import fc from 'fast-check';

/** Values that break careless code: wrong types, odd names, huge numbers, broken text. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -0,
    -1,
    1.5,
    1e308,
    -1e308,
    2 ** 53,
    2 ** 63,
    '',
    ' ',
    '*',
    '/',
    '/*',
    '/things',
    '/things/*',
    '/things/1',
    '/secrets/s',
    '/things/1/x',
    '/__proto__/1',
    '/things/__proto__',
    '__proto__',
    'constructor',
    '\u0000',
    '\ud800',
    '\udfff\ud800',
    '\u202e',
    "'; drop table changes; --",
    'x'.repeat(300),
    'x'.repeat(5000),
    [],
    {},
    [[]],
    [null],
    { length: -1 },
    { toString: 1, valueOf: 2, toJSON: 3 },
    { $name: 1 },
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.double(),
  fc.integer(),
  fc.jsonValue({ maxDepth: 4 }),
  fc.dictionary(
    fc.constantFrom('__proto__', 'constructor', 'a', 'r', 'op', 'key', 'rev'),
    fc.jsonValue(),
    {
      maxKeys: 4,
    },
  ),
);

const r = fc.constantFrom(
  '/things',
  '/things/*',
  '/things/1',
  '/things/2',
  '/secrets',
  '/secrets/s',
  '/nothing/1',
);
const fields = fc.constantFrom(['n'], ['text', 'n'], ['@none'], ['nope']);
const filter = fc.constantFrom(
  'n > 1',
  'n = $x',
  "text starts with 'a'",
  'list contains $x',
  'not (n < 3)',
  'owner = $x',
);
const op = fc.record(
  {
    op: fc.constantFrom('set', 'addNumber', 'push', 'addToSet', 'pull', 'insertAt', 'removeAt'),
    key: fc.constantFrom(
      'n',
      'text',
      'list',
      'doc',
      'doc.a',
      'list[0]',
      'doc.a.b',
      'json',
      'json.a[3].b',
    ),
    value: fc.oneof(
      fc.integer({ min: -5, max: 5 }),
      fc.string({ maxLength: 5 }),
      fc.jsonValue({ maxDepth: 2 }),
    ),
    opArgs: fc.record({ index: fc.integer({ min: -1, max: 5 }) }),
  },
  { requiredKeys: ['op', 'key', 'value'] },
);

const write: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.record({
    cmd: fc.constant('create'),
    r,
    body: fc.record({ n: fc.integer(), text: fc.string() }),
  }),
  fc.record({
    cmd: fc.constant('update'),
    r,
    rev: fc.integer({ min: 0, max: 9 }),
    body: fc.record({ ops: fc.array(op, { maxLength: 4 }) }),
  }),
  fc.record({
    cmd: fc.constant('delete'),
    r: fc.constantFrom('/things/3', '/things/4', '/secrets/s'),
  }),
);

/** Requests as a good client sends them; the fuzzer then breaks one member or more. */
export const goodRequest: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  { weight: 3, arbitrary: write },
  fc.record({
    cmd: fc.constant('batch'),
    body: fc.record({ commands: fc.array(write, { minLength: 1, maxLength: 4 }) }),
    cmdOpts: fc.record({ once: fc.constantFrom('a', 'b') }, { requiredKeys: [] }),
  }),
  fc.record({ cmd: fc.constant('get'), r, cmdOpts: fc.record({ fields }) }),
  fc.record({
    cmd: fc.constant('read'),
    r,
    cmdOpts: fc.record(
      {
        fields,
        query: fc.record({ filter, values: fc.record({ x: fc.jsonValue({ maxDepth: 1 }) }) }),
        limit: fc.integer({ min: 1, max: 9 }),
        skip: fc.integer({ min: 0, max: 3 }),
        sort: fc.constantFrom('n', '-n', 'text', 'nope'),
        ascending: fc.boolean(),
        includeTotalCount: fc.boolean(),
        subscribe: fc.boolean(),
        since: fc.string(),
        paginationToken: fc.string(),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({
    cmd: fc.constant('count'),
    r,
    cmdOpts: fc.record({
      query: fc.record({ filter, values: fc.record({ x: fc.jsonValue({ maxDepth: 1 }) }) }),
    }),
  }),
  fc.record({
    cmd: fc.constantFrom('subscribe', 'unsubscribe'),
    body: fc.record({
      subscriptions: fc.array(
        fc.record({ r, rev: fc.integer({ min: 0, max: 5 }), fields }, { requiredKeys: ['r'] }),
        { maxLength: 3 },
      ),
    }),
  }),
  fc.record({ cmd: fc.constantFrom('ping', 'poke', 'initialize', 'nonsense') }),
);

/** The request with one member, at any depth, put in the place of another value. */
export function broken(request: Record<string, unknown>, where: number, value: unknown): JsonValue {
  const copy = structuredClone(request);
  const places = [...members(copy)];
  const place = places[where % places.length];
  if (place !== undefined) {
    Object.defineProperty(place.holder, place.key, { value, enumerable: true, configurable: true });
  }
  return copy as JsonValue;
}

function* members(value: unknown): Generator<{ holder: object; key: string }> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    yield { holder: value, key };
    yield* members(member);
  }
}
