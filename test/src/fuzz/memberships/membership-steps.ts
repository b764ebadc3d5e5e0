import type { JsonObject } from '@really/protocol';
import fc from 'fast-check';
import { type KindName, kindNames } from './membership-kinds.js';

/** Two who come and go, and three who try to see what they may not: who never was a member, who was, and who is one elsewhere. */
export const readers = ['amal', 'beno', 'mala', 'eve', 'ivan'] as const;
export type ReaderName = (typeof readers)[number];
export const rooms = ['a', 'b'] as const;
/** A room that stands for all of them. */
export const everyRoom = rooms.length;
export const teams = ['red', 'blue'] as const;
export const people = ['p1', 'p2'] as const;

/** What a window asks for. `$marker` in values: the marker of some secret. */
export interface Question {
  readonly filter?: { readonly filter: string; readonly values: JsonObject } | undefined;
  readonly sort?: string | undefined;
  readonly limit?: number | undefined;
}

/** Objects are named by numbers among those that there are. */
export type MembershipWrite =
  | { readonly what: 'create'; readonly room: number; readonly set: JsonObject }
  | { readonly what: 'update'; readonly which: number; readonly set: JsonObject }
  | { readonly what: 'delete'; readonly which: number }
  | {
      readonly what: 'grant';
      readonly who: number;
      readonly room: number;
      readonly role: string | null;
    }
  /** Of a member, and nothing that a rule reads. */
  | { readonly what: 'visit'; readonly who: number; readonly room: number }
  | { readonly what: 'expel'; readonly who: number; readonly room: number }
  | { readonly what: 'permit'; readonly which: number; readonly set: JsonObject }
  /** Something with `open`: a person, a team, a room. */
  | { readonly what: 'open'; readonly thing: number; readonly open: boolean }
  | { readonly what: 'boss'; readonly room: number; readonly person: number };

/** What is tried: each is one or a few commands. */
export const attempts = [
  'get',
  'read',
  'count',
  'history',
  'page',
  'since',
  'rev',
  'etag',
  'http',
  'stream',
  'write',
  'once',
  'refer',
  'join',
  'handle',
] as const;
export type Attempt = (typeof attempts)[number];

type Amid = readonly (readonly [number, MembershipWrite])[];

export type MembershipStep =
  | { readonly kind: 'burst'; readonly writes: Amid }
  | { readonly kind: 'batch'; readonly writes: readonly MembershipWrite[] }
  /** The two switches together, of which never both are between two commits. */
  | { readonly kind: 'switch'; readonly one: boolean; readonly two: boolean }
  | {
      readonly kind: 'watch';
      readonly who: number;
      readonly room: number;
      readonly question: Question;
      readonly amid: Amid;
    }
  | { readonly kind: 'follow'; readonly who: number; readonly which: number; readonly amid: Amid }
  | { readonly kind: 'attend'; readonly who: number; readonly room: number; readonly amid: Amid }
  | {
      readonly kind: 'drop';
      readonly who: number;
      readonly during: Amid;
      /** By its handle, with so many pushes lost, or from what it has of each subscription. */
      readonly lost: number | 'unknown' | 'handle';
    }
  | { readonly kind: 'renew'; readonly who: number; readonly team: number; readonly amid: Amid }
  | {
      readonly kind: 'try';
      readonly who: number;
      readonly attempts: readonly (readonly [Attempt, number])[];
      readonly amid: Amid;
    }
  | { readonly kind: 'reload'; readonly isStrict: boolean }
  | { readonly kind: 'raze'; readonly room: number }
  | { readonly kind: 'check' };

export interface MembershipStory {
  readonly model: KindName;
  readonly steps: readonly MembershipStep[];
}

/** The first two more often. */
const who = fc.constantFrom(0, 0, 1, 1, 2, 3, 4);
const attacker = fc.integer({ min: 2, max: readers.length - 1 });
const room = fc.nat(rooms.length - 1);
const which = fc.nat(7);
const role = fc.constantFrom('owner', 'editor', 'reader', null);
const person = fc.nat(people.length - 1);
const constant = <const T extends string>(value: T) => fc.constant(value);

/** `secret` and `text` get markers of their own. */
const set = fc.record(
  {
    secret: fc.boolean(),
    text: fc.boolean(),
    n: fc.nat(4),
    open: fc.boolean(),
    ref: fc.option(person),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<JsonObject>;

const ofObject: fc.Arbitrary<MembershipWrite> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: constant('create'), room, set }) },
  { weight: 6, arbitrary: fc.record({ what: constant('update'), which, set }) },
  { weight: 1, arbitrary: fc.record({ what: constant('delete'), which }) },
);
const ofRights: fc.Arbitrary<MembershipWrite> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ what: constant('grant'), who, room, role }) },
  { weight: 1, arbitrary: fc.record({ what: constant('visit'), who, room }) },
  { weight: 1, arbitrary: fc.record({ what: constant('expel'), who, room }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: constant('permit'),
      which,
      set: fc.record({
        uid: fc.option(fc.constantFrom(...readers)),
        open: fc.boolean(),
      }) as fc.Arbitrary<JsonObject>,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ what: constant('open'), thing: fc.nat(5), open: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ what: constant('boss'), room, person }) },
);
const write = fc.oneof(ofObject, ofRights);
const few = (maxLength: number) => fc.array(fc.tuple(fc.nat(2), write), { maxLength });

const anyQuestion: fc.Arbitrary<Question> = fc.record(
  {
    filter: fc.constantFrom(
      { filter: 'n >= $n', values: { n: 2 } },
      { filter: 'secret != null', values: {} },
      { filter: 'open = true or n < 2', values: {} },
    ),
    sort: fc.constantFrom('n', '-n', 'secret', '-text'),
    limit: fc.integer({ min: 1, max: 4 }),
  },
  { requiredKeys: [] },
);

/** Often the same one, so that several share a window. */
const question = fc.oneof(fc.constant<Question>({}), anyQuestion);

const watch = fc.record({
  kind: constant('watch'),
  who,
  room: fc.nat(everyRoom),
  question,
  amid: few(2),
});

const step: fc.Arbitrary<MembershipStep> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: constant('burst'), writes: few(6) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: constant('batch'),
      writes: fc.array(write, { minLength: 2, maxLength: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: constant('switch'), one: fc.boolean(), two: fc.boolean() }),
  },
  { weight: 3, arbitrary: watch },
  { weight: 3, arbitrary: fc.record({ kind: constant('follow'), who, which, amid: few(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: constant('attend'), who, room, amid: few(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: constant('drop'),
      who,
      during: few(4),
      lost: fc.oneof(fc.nat(4), constant('unknown'), constant('handle')),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: constant('renew'), who, team: fc.nat(1), amid: few(2) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: constant('try'),
      who: fc.oneof({ weight: 3, arbitrary: attacker }, { weight: 1, arbitrary: who }),
      attempts: fc.array(fc.tuple(fc.constantFrom(...attempts), which), {
        minLength: 1,
        maxLength: 4,
      }),
      amid: few(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: constant('raze'), room }) },
  { weight: 1, arbitrary: fc.record({ kind: constant('reload'), isStrict: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'check' as const }) },
);

/** Some objects and members, some subscriptions, and then anything. */
export const membershipStory: fc.Arbitrary<MembershipStory> = fc
  .record({
    model: fc.constantFrom(...kindNames),
    before: fc.array(fc.tuple(fc.nat(2), write), { minLength: 3, maxLength: 8 }),
    watches: fc.array(watch, { minLength: 2, maxLength: 5 }),
    after: fc.array(step, { minLength: 4, maxLength: 20, size: 'max' }),
  })
  .map(({ model, before, watches, after }) => ({
    model,
    steps: [{ kind: 'burst', writes: before }, ...watches, ...after],
  }));
