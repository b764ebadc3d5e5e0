import fc from 'fast-check';
import type { ListQuery } from '../really-client.js';

/** The clients of a story, by the uid that each begins with. */
export const storyUsers = ['amal', 'amal', 'beno'] as const;

/** A change of one field: `key`, and what it is done with. */
export type StoryChange =
  | { readonly op: 'set'; readonly key: 'n' | 'name' | 'box.a'; readonly value: number | null }
  | { readonly op: 'push' | 'addToSet' | 'pull'; readonly value: number }
  | { readonly op: 'insertAt' | 'removeAt'; readonly index: number };

/** An object is named by a number, among those that the story has made so far. */
export type ItemWrite =
  | { readonly cmd: 'create'; readonly n: number }
  /** `counts`: adds one to the count, and a text of its own to the log. */
  | {
      readonly cmd: 'update';
      readonly which: number;
      readonly counts: boolean;
      readonly changes: readonly StoryChange[];
    }
  | { readonly cmd: 'delete'; readonly which: number };

/** What the network of one client does from now on. */
export type NetworkMode = 'cut' | 'close' | 'silence' | 'deafen' | 'mute' | 'hold' | 'heal';

export type ClientStep =
  | { readonly kind: 'write'; readonly who: number; readonly write: ItemWrite }
  | { readonly kind: 'batch'; readonly who: number; readonly writes: readonly ItemWrite[] }
  /** Writes in one turn. */
  | { readonly kind: 'burst'; readonly writes: readonly (readonly [number, ItemWrite])[] }
  | { readonly kind: 'watch-object'; readonly who: number; readonly which: number }
  | { readonly kind: 'watch-list'; readonly who: number; readonly query: number }
  | { readonly kind: 'close'; readonly who: number; readonly which: number }
  | { readonly kind: 'network'; readonly who: number; readonly mode: NetworkMode }
  /** Time goes on for the client alone. */
  | { readonly kind: 'pass'; readonly who: number; readonly seconds: number }
  /** The once window of everybody with its uid is over, and the server has forgotten their ids. */
  | { readonly kind: 'outlast'; readonly who: number }
  | {
      readonly kind: 'token';
      readonly who: number;
      readonly what: 'renew' | 'revoke' | 'none' | 'fail' | 'good' | 'switch';
    }
  /** The server is killed; it comes back with the next `start`, or at the end. */
  | { readonly kind: 'kill' }
  | { readonly kind: 'start' }
  | { readonly kind: 'reload' }
  /** What is on its way arrives. */
  | { readonly kind: 'beat' }
  /** Waits until the client has caught up, where its network lets it. */
  | { readonly kind: 'settle'; readonly who: number };

export interface ClientStory {
  readonly steps: readonly ClientStep[];
}

/** What the live lists of the stories ask for. */
export const storyQueries: readonly ListQuery[] = [
  {},
  { filter: 'n >= 2' },
  { filter: 'n >= $low', values: { low: 1 }, sort: '-n', limit: 2 },
  { sort: 'count,name', limit: 3 },
  { filter: 'tags contains $tag', values: { tag: 't1' }, ascending: true },
  { fields: ['name', 'n'], sort: ['n', '-name'] },
];

const small = fc.nat({ max: 4 });
const who = fc.nat({ max: storyUsers.length - 1 });
const which = fc.nat({ max: 5 });
const change: fc.Arbitrary<StoryChange> = fc.oneof(
  fc.record({
    op: fc.constant('set' as const),
    key: fc.constantFrom('n' as const, 'name' as const, 'box.a' as const),
    value: fc.oneof({ arbitrary: small, weight: 4 }, fc.constant(null)),
  }),
  fc.record({
    op: fc.constantFrom('push' as const, 'addToSet' as const, 'pull' as const),
    value: small,
  }),
  fc.record({
    op: fc.constantFrom('insertAt' as const, 'removeAt' as const),
    index: fc.nat({ max: 1 }),
  }),
);
const update: fc.Arbitrary<ItemWrite> = fc.oneof(
  fc.record({
    cmd: fc.constant('update' as const),
    which,
    counts: fc.constant(true),
    changes: fc.constant([]),
  }),
  fc.record({
    cmd: fc.constant('update' as const),
    which,
    counts: fc.boolean(),
    changes: fc.array(change, { minLength: 1, maxLength: 2 }),
  }),
);
const write: fc.Arbitrary<ItemWrite> = fc.oneof(
  { arbitrary: update, weight: 7 },
  { arbitrary: fc.record({ cmd: fc.constant('create' as const), n: small }), weight: 2 },
  { arbitrary: fc.record({ cmd: fc.constant('delete' as const), which }), weight: 1 },
);

const step: fc.Arbitrary<ClientStep> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('write' as const), who, write }), weight: 10 },
  {
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      who,
      writes: fc.array(write, { minLength: 1, maxLength: 3 }),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('burst' as const),
      writes: fc.array(fc.tuple(who, write), { minLength: 2, maxLength: 6 }),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ kind: fc.constant('watch-object' as const), who, which }), weight: 3 },
  {
    arbitrary: fc.record({
      kind: fc.constant('watch-list' as const),
      who,
      query: fc.nat({ max: storyQueries.length - 1 }),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ kind: fc.constant('close' as const), who, which }), weight: 2 },
  {
    arbitrary: fc.record({
      kind: fc.constant('network' as const),
      who,
      mode: fc.constantFrom<NetworkMode>(
        ...([
          'cut',
          'close',
          'silence',
          'deafen',
          'deafen',
          'mute',
          'hold',
          'heal',
          'heal',
        ] as const),
      ),
    }),
    weight: 8,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      who,
      seconds: fc.constantFrom(1, 7, 14, 40, 400),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ kind: fc.constant('outlast' as const), who }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant('token' as const),
      who,
      what: fc.constantFrom(...(['renew', 'revoke', 'none', 'fail', 'good', 'switch'] as const)),
    }),
    weight: 2,
  },
  { arbitrary: fc.constant({ kind: 'reload' } as const), weight: 1 },
  { arbitrary: fc.constant({ kind: 'beat' } as const), weight: 6 },
  { arbitrary: fc.record({ kind: fc.constant('settle' as const), who }), weight: 4 },
);
/** Costs a second each. */
const rareStep = fc.oneof(
  { arbitrary: step, weight: 60 },
  { arbitrary: fc.constant({ kind: 'kill' } as const), weight: 1 },
  { arbitrary: fc.constant({ kind: 'start' } as const), weight: 1 },
);

export const clientStory: fc.Arbitrary<ClientStory> = fc.record({
  steps: fc.array(rareStep, { minLength: 1, maxLength: 40 }),
});
