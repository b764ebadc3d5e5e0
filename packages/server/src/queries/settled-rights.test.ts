import { expect, test } from 'vitest';
import { bound } from '../live/live.fixture.js';
import { loaded } from '../model/models.fixture.js';
import { createWrite } from '../objects/change.js';
import { defaultLimits } from '../platform/limits.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import type { Store } from '../store/store.js';
import { Search } from './search.js';

const open = 'access: { create: true, read: true }';
const filesWith = (read: string) => ({
  'rooms/model.yaml': `version: 1\nfields: { title: { type: String } }\n${open}\n`,
  'rooms/members/model.yaml': `version: 1\nfields: { team: { type: String } }\n${open}\n`,
  'rooms/tasks/model.yaml': `version: 1
fields: { team: { type: String } }
lookups:
  membership: /rooms/{ids.rooms}/members/{auth.uid}
access:
  read: '${read}'
`,
});
const membership = '/rooms/1/members/ann';

/**
 * A room whose only member leaves as soon as something was read of it: what is found was committed after that, and
 * lookups do not see it before it is published.
 */
async function roomLeftMeanwhile(read: string) {
  const platform = simulatedPlatform({ seed: 1 });
  const store = openMemoryStore({}, platform);
  let [isLeft, isPublished] = [false, false];
  const { model, models } = await loaded(filesWith(read), {
    readLookups: async (rs) => {
      const found = await store.getMany(rs);
      return found.map((object) => (isPublished && object?.r === membership ? undefined : object));
    },
  });
  await store.prepare(models.all().map(({ layout }) => layout));
  const origin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
  for (const r of ['/rooms/1', membership, '/rooms/1/tasks/1']) {
    await store.commit([{ writes: [createWrite(r, { team: 'a' }, origin)] }]);
  }
  const leaving = async <T>(reading: Promise<T>): Promise<T> => {
    const found = await reading;
    isLeft = true;
    return found;
  };
  const leftStore: Store = {
    ...bound(store),
    isSoleWriter: true,
    query: (query) => leaving(store.query(query)),
    count: (query) => leaving(store.count(query)),
  };
  return new Search({
    services: {
      store: leftStore,
      objects: {
        heads: (rs) => store.getMany(rs),
        published: async () => {
          isPublished = isLeft;
        },
      },
      platform,
      limits: { ...defaultLimits, queryTime: 60_000 },
    },
    ...{ owner: '', auth: { uid: 'ann' }, model: model('rooms/tasks'), filter: undefined },
    scope: { names: ['rooms', 'tasks'], parents: ['1'] },
    order: { keys: [{ field: '_r', descending: false }] },
  });
}

for (const read of [
  'membership != null',
  'membership != null && obj.team == membership.team',
  '[membership].some((one) => one != null)',
]) {
  test(`[LKP2] reads and counts tell nothing committed after a right ended, if it was just not published yet: ${read}`, async () => {
    const reading = await roomLeftMeanwhile(read);
    expect(await reading.page({ start: undefined, skip: 0, limit: 10 })).toEqual([]);
    expect(await (await roomLeftMeanwhile(read)).count()).toBe(0);
  });
}
