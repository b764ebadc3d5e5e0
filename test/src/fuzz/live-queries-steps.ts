import type { JsonObject } from '@really/protocol';
import fc from 'fast-check';
import { changingKinds, kinds, type ModelKind } from './live-queries-app.js';

/** What a read asks for, besides its collection. */
export interface StoryQuery {
  readonly filter?: { readonly filter: string; readonly values: JsonObject } | undefined;
  readonly sort?: string | undefined;
  readonly ascending?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly fields?: readonly string[] | undefined;
}

/** An object is named by the number of its room and a number among those that there are. */
export type StoryWrite =
  | { readonly cmd: 'create'; readonly room: number; readonly body: JsonObject }
  | { readonly cmd: 'update'; readonly which: number; readonly ops: readonly JsonObject[] }
  | { readonly cmd: 'delete'; readonly which: number }
  /** Adds to a number of a user's membership in a room, or of one of the people. */
  | ({ readonly cmd: 'grant' } & Grant);

interface Grant {
  readonly of:
    | { readonly user: number; readonly room: number }
    | { readonly person: number; readonly room?: undefined };
  /** Rules read the level, and not the visits. */
  readonly key: 'level' | 'visits';
  readonly by: number;
}

/** How a client comes back that was cut off. */
export type Return =
  /** By its handle. `lost`: how many of the last pushes did not arrive. */
  | { readonly kind: 'handle'; readonly lost: number; readonly counts: boolean }
  /** From the positions received, each `back` pushes ago. */
  | { readonly kind: 'position'; readonly back: number };

/** What its token says from then on: the number of one of `levels`. */
type Level = { readonly level?: number | undefined };

export type Step =
  | { readonly kind: 'write'; readonly who: number; readonly write: StoryWrite }
  | { readonly kind: 'batch'; readonly who: number; readonly writes: readonly StoryWrite[] }
  | { readonly kind: 'burst'; readonly writes: readonly (readonly [number, StoryWrite])[] }
  | {
      readonly kind: 'watch';
      readonly who: number;
      readonly room: number;
      readonly question: StoryQuery;
      readonly amid: readonly (readonly [number, StoryWrite])[];
    }
  | { readonly kind: 'leave'; readonly who: number; readonly which: number }
  | {
      readonly kind: 'drop';
      readonly who: number;
      readonly during: readonly (readonly [number, StoryWrite])[];
      readonly back: Return & Level;
    }
  /** Its token is renewed while it is connected. */
  | {
      readonly kind: 'renew';
      readonly who: number;
      readonly level: number;
      readonly amid: readonly (readonly [number, StoryWrite])[];
    }
  | { readonly kind: 'check' };

export interface Story {
  readonly model: ModelKind;
  readonly steps: readonly Step[];
}

export const users = ['amal', 'beno', 'cleo'] as const;
/** The data of their tokens, which rules use. */
export const claims: Readonly<Record<(typeof users)[number], JsonObject>> = {
  amal: { authType: 'password', _r: '/people/p1', data: { level: 0, word: 'a' } },
  beno: { authType: 'password', _r: '/people/p2', data: { level: 2, word: 'b' } },
  cleo: { authType: 'anonymous', data: { level: 4, word: '' } },
};
/** Of the tokens that they come by later. */
export const levels = [0, 2, 4] as const;
export const rooms = ['a', 'b'] as const;
/** A room that stands for all of them. */
export const everyRoom = rooms.length;

const who = fc.nat(users.length - 1);
const room = fc.nat(rooms.length - 1);
const which = fc.nat(7);
const small = fc.integer({ min: -2, max: 4 });
const text = fc.constantFrom('', 'a', 'ab', 'b', 'é', '\u{1F600}', '\uffee');
const person = fc.constantFrom('/people/p1', '/people/p2');
const owner = fc.constantFrom<string>(...users);

const body = fc.record(
  {
    s: text,
    n: small,
    d: fc.constantFrom(-1.5, 0, 0.5, 2, 1e300),
    b: fc.boolean(),
    list: fc.array(small, { maxLength: 4 }),
    doc: fc.record({ x: small }, { requiredKeys: [] }),
    ref: person,
    owner,
    open: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;

const set = (key: string, value: fc.Arbitrary<unknown>) =>
  fc.record({ op: fc.constant('set'), key: fc.constant(key), value: fc.option(value) });

const op = fc.oneof(
  set('s', text),
  set('n', small),
  set('d', fc.constantFrom(-1.5, 0.5, 2)),
  set('b', fc.boolean()),
  set('list', fc.array(small, { maxLength: 4 })),
  set('doc.x', small),
  set('doc', fc.record({ x: small })),
  set('ref', person),
  { weight: 3, arbitrary: set('owner', owner) },
  { weight: 2, arbitrary: set('open', fc.boolean()) },
  fc.record({
    op: fc.constant('addNumber'),
    key: fc.constantFrom('n', 'd', 'doc.x'),
    value: small,
  }),
  fc.record({
    op: fc.constantFrom('push', 'addToSet', 'pull'),
    key: fc.constant('list'),
    value: small,
  }),
  fc.record({
    op: fc.constantFrom('insertAt', 'removeAt'),
    key: fc.constant('list'),
    value: small,
    opArgs: fc.record({ index: fc.nat(2) }),
  }),
) as fc.Arbitrary<JsonObject>;

const write: fc.Arbitrary<StoryWrite> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ cmd: fc.constant('create' as const), room, body }) },
  {
    weight: 7,
    arbitrary: fc.record({
      cmd: fc.constant('update' as const),
      which,
      ops: fc.array(op, { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ cmd: fc.constant('delete' as const), which }) },
);

/** What rights depend on in some models. */
const grant: fc.Arbitrary<StoryWrite> = fc.record({
  cmd: fc.constant('grant' as const),
  of: fc.oneof(
    { weight: 3, arbitrary: fc.record({ user: who, room }) },
    { weight: 1, arbitrary: fc.record({ person: fc.nat(1) }) },
  ),
  key: fc.oneof(
    { weight: 4, arbitrary: fc.constant('level' as const) },
    { weight: 1, arbitrary: fc.constant('visits' as const) },
  ),
  by: fc.constantFrom(-2, -1, 1, 2),
});

const anyWrite = fc.oneof({ weight: 4, arbitrary: write }, { weight: 1, arbitrary: grant });
const written = fc.tuple(who, anyWrite);

/** One comparison, and the value that it takes. */
const comparison: fc.Arbitrary<readonly [string, unknown]> = fc.oneof(
  fc.tuple(
    fc
      .constantFrom('n', 'd', 'doc.x', 'twice', '_rev')
      .chain((field) =>
        fc.constantFrom('=', '!=', '<', '<=', '>', '>=').map((operator) => `${field} ${operator}`),
      ),
    small,
  ),
  fc.tuple(
    fc
      .constantFrom('s', 'owner', 'ref', 'label')
      .chain((field) =>
        fc
          .constantFrom('=', '!=', '<', '>=', 'starts with')
          .map((operator) => `${field} ${operator}`),
      ),
    fc.oneof(text, person, owner),
  ),
  fc.tuple(
    fc.constantFrom('n', 'd').map((field) => `${field} between`),
    fc.tuple(small, small),
  ),
  fc.tuple(fc.constant('s between'), fc.tuple(text, text)),
  fc.tuple(fc.constant('n in'), fc.array(small, { minLength: 1, maxLength: 3 })),
  fc.tuple(fc.constant('s in'), fc.array(text, { minLength: 1, maxLength: 3 })),
  fc.tuple(fc.constant('list contains'), small),
  fc.tuple(fc.constantFrom('s contains', 'owner contains', 'label contains'), text),
  fc.tuple(fc.constantFrom('b =', 'open =', 'open !='), fc.option(fc.boolean())),
  fc.tuple(fc.constantFrom('n =', 's !=', 'owner =', 'twice ='), fc.constant(null)),
);

const filter = fc
  .tuple(
    fc.array(comparison, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('and', 'or'),
    fc.boolean(),
  )
  .map(([comparisons, word, isNot]) => {
    const parts = comparisons.map(([left], index) => `${left} $v${index}`);
    const all = isNot ? [`not (${parts[0]})`, ...parts.slice(1)] : parts;
    const values = Object.fromEntries(comparisons.map(([, value], index) => [`v${index}`, value]));
    return { filter: all.join(` ${word} `), values: values as JsonObject };
  });

const question: fc.Arbitrary<StoryQuery> = fc
  .record({
    filter: fc.option(filter, { nil: undefined }),
    limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 }),
    fields: fc.option(fc.constantFrom(['n'], ['s', 'owner'], ['list', 'ref', 'twice'], ['label']), {
      nil: undefined,
      freq: 3,
    }),
  })
  .chain((rest) =>
    fc.oneof(
      fc.constant(rest),
      fc.constant({ ...rest, ascending: true }),
      fc
        .uniqueArray(fc.constantFrom('n', 's', 'd', 'doc.x', 'b', 'twice', 'label'), {
          minLength: 1,
          maxLength: 3,
        })
        .chain((fields) => fc.tuple(...fields.map((one) => fc.constantFrom(one, `-${one}`))))
        .map((keys) => ({ ...rest, sort: keys.join() })),
    ),
  );

const level = fc.nat(levels.length - 1);
const otherToken = { level: fc.option(level, { nil: undefined, freq: 2 }) };

const comeBack: fc.Arbitrary<Return & Level> = fc.oneof(
  fc.record({
    kind: fc.constant('handle' as const),
    lost: fc.nat(4),
    counts: fc.boolean(),
    ...otherToken,
  }),
  fc.record({ kind: fc.constant('position' as const), back: fc.nat(5), ...otherToken }),
);

const few = <T>(one: fc.Arbitrary<T>, maxLength = 5) => fc.array(one, { maxLength });

const watch = fc.record({
  kind: fc.constant('watch' as const),
  who,
  room: fc.nat(everyRoom),
  question,
  amid: few(written, 2),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('write' as const), who, write: anyWrite }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      who,
      writes: fc.array(anyWrite, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('burst' as const), writes: few(written, 8) }),
  },
  { weight: 4, arbitrary: watch },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who, which }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('drop' as const),
      who,
      during: few(written),
      back: comeBack,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('renew' as const),
      who,
      level,
      amid: few(written, 2),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'check' as const }) },
);

/** Some objects, some windows, and then anything. */
export const story: fc.Arbitrary<Story> = fc
  .record({
    // Rights that change with other objects, half of the time.
    model: fc.oneof(fc.constantFrom(...kinds), fc.constantFrom(...changingKinds)),
    before: fc.array(
      fc.record({
        kind: fc.constant('write' as const),
        who,
        write: fc.record({ cmd: fc.constant('create' as const), room, body }),
      }),
      { maxLength: 6 },
    ),
    windows: fc.array(watch, { minLength: 1, maxLength: 4 }),
    after: fc.array(step, { maxLength: 25 }),
  })
  .map(({ model, before, windows, after }) => ({
    model,
    steps: [...before, ...windows, ...after],
  }));
