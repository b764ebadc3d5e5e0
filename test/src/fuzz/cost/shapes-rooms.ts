import type { JsonObject } from '@really/protocol';
import type { Dials } from './dials.js';
import { onSocket, type Parcel, type RecipeShape } from './plan.js';
import { anyValue } from './values.js';

/** Objects with rooms: everybody's, one with rights that depend on the object, and none. */
const places = ['/things/0', '/owned/2', '/things/heavy', '/nothing/1'] as const;

function stateOf(dials: Dials): JsonObject {
  return { v: anyValue(dials, 2000) };
}

/** What a member does again and again. */
function deedsOf(dials: Dials, r: string): JsonObject[] {
  const state = stateOf(dials);
  const data = anyValue(dials, 16_000);
  const join = { cmd: 'join', r, body: { state } };
  switch (dials.pick('send', 'present', 'join', 'come and go', 'watch and go', 'write')) {
    case 'send':
      return [{ cmd: 'send', r, body: { event: 'wave', data } }];
    case 'present':
      return [{ cmd: 'present', r, body: state }];
    case 'join':
      return [join];
    case 'come and go':
      return [join, { cmd: 'leave', r }];
    case 'watch and go':
      return [
        { cmd: 'leave', r },
        { cmd: 'join', r },
      ];
    default:
      return [
        { cmd: 'update', r, rev: 1, body: { ops: [{ op: 'addNumber', key: 'n', value: 1 }] } },
      ];
  }
}

function again(deeds: readonly JsonObject[], times: number): Parcel[] {
  return Array.from({ length: times }, () => deeds.map(onSocket)).flat();
}

/** One member, alone. */
const room: RecipeShape = (dials) => {
  const r = dials.pick(...places);
  const deeds = deedsOf(dials, r);
  const times = dials.size(500);
  return { setup: [{ cmd: 'join', r, body: { state: {} } }], parcels: () => again(deeds, times) };
};

/** One of many members: what it does is told to all. */
const crowd: RecipeShape = (dials) => {
  const r = dials.pick('/things/0', '/owned/2');
  const deeds = deedsOf(dials, r);
  const [count, times] = [dials.size(250), dials.size(200)];
  const others = { count, messages: [{ cmd: 'join', r, body: { state: stateOf(dials) } }] };
  return {
    others,
    setup: [{ cmd: 'join', r, body: { state: {} } }],
    parcels: () => again(deeds, times),
  };
};

/** As many rooms as a connection may be in, and more, with members in each. */
const rooms: RecipeShape = (dials) => {
  const count = dials.size(25);
  const all = Array.from({ length: count }, (_, n) => `/things/${4 * n}`);
  const joins = all.map((r) => ({ cmd: 'join', r, body: { state: stateOf(dials) } }));
  const deeds = all.flatMap((r) => deedsOf(dials, r));
  const [others, times] = [dials.size(20), dials.size(50)];
  return {
    others: { count: others, messages: joins },
    setup: dials.flag() ? joins : [],
    parcels: () => again(deeds, times),
  };
};

export const roomShapes: Readonly<Record<string, RecipeShape>> = { room, crowd, rooms };
