import { expect, test } from 'vitest';
import { Revocations, revocationsName } from '../auth/revocations.js';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { controlled } from './controlled-store.fixture.js';
import { Objects } from './objects.js';
import { RevocationSource } from './revocation-source.js';
import { SystemRecords } from './system-records.js';

const hour = 3_600_000;

function world() {
  const platform = simulatedPlatform({ seed: 1, now: Date.UTC(2026, 0, 2) });
  const store = controlled(openMemoryStore({}, platform));
  const common = { platform, log: silentLog };
  const bus = localBus();
  /** A node; one that is deaf hears nothing of the others over the bus. */
  const node = async ({ deaf = false, exclusive = true } = {}) => {
    const own = { ...common, store: { ...store, isSoleWriter: exclusive }, bus: deaf ? localBus() : bus };
    const objects = new Objects(own);
    const records = new SystemRecords(objects);
    const revocations = new Revocations({ records, clock: platform.clock });
    const source = new RevocationSource({ ...own, revocations, records });
    await source.open();
    return { objects, revocations, source };
  };
  const stored = async () => {
    const order = { field: '_r', descending: false };
    const scope = { names: [revocationsName], parents: [] };
    return await store.query({ scope, order, limit: 10_000, timeout: 1000 });
  };
  return { platform, store, node, stored };
}

const token = (n: number) => ({ uid: `u${n}`, key: `j${n}`, issuedAt: 0 });
const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('[AUT7] a node that starts knows every revocation, however many there are', async () => {
  const { node, stored } = world();
  const first = await node();
  const count = 2500;
  const all = Array.from({ length: count }, (_, n) => token(n));
  await Promise.all(all.map((one) => first.revocations.revokeToken(one, undefined)));
  await first.revocations.revokeUid('everybody');
  expect(await stored()).toHaveLength(count + 1);
  const { revocations } = await node();
  expect(all.filter((one) => !revocations.isRevoked(one))).toEqual([]);
  expect(revocations.isRevoked({ ...token(1), uid: 'everybody' })).toBe(true);
  expect(revocations.isRevoked(token(count))).toBe(false);
});

test('[SES10] what one node revokes, the others hear of over the bus', async () => {
  const { node } = world();
  const [one, other] = [await node(), await node()];
  const told: string[] = [];
  other.revocations.listen(({ uid }) => told.push(uid));
  await one.revocations.revokeToken(token(1), undefined);
  await one.objects.drain();
  expect(told).toEqual(['u1']);
  expect(other.revocations.isRevoked(token(1))).toBe(true);
});

test('[SES10] and where the bus lost it, from the store', async () => {
  const { node, platform, store } = world();
  const one = await node({ exclusive: false });
  const deaf = await node({ exclusive: false, deaf: true });
  await one.revocations.revokeToken(token(1), undefined);
  await one.revocations.revokeUid('u2');
  expect(deaf.revocations.isRevoked(token(1))).toBe(false);
  platform.advance(5000);
  await turns();
  expect([1, 2, 3].map((n) => deaf.revocations.isRevoked(token(n)))).toEqual([true, true, false]);
  await one.revocations.revokeUid('u3');
  const looks: Promise<unknown>[] = [];
  const changes = store.changes.bind(store);
  store.changes = (...asked) => {
    const look = changes(...asked);
    looks.push(look);
    return look;
  };
  platform.advance(5000);
  await turns();
  expect(deaf.revocations.isRevoked(token(3))).toBe(true);
  deaf.source.close();
  one.source.close();
  platform.advance(60_000);
  await turns();
  expect(looks.length).toBeLessThanOrEqual(2);
});

test('[AUT7] an hour after its token expired a revocation is gone, in memory and on disk', async () => {
  const { node, platform, stored } = world();
  const first = await node();
  const now = platform.clock.now();
  for (const n of [1, 2, 3]) await first.revocations.revokeToken(token(n), now + n * hour);
  await first.revocations.revokeToken(token(4), undefined);
  platform.advance(2 * hour + 2000);
  await turns();
  await first.objects.drain();
  expect(await stored()).toHaveLength(3);
  expect(first.revocations.revokedTokensOf('u1')).toBe(0);
  expect(first.revocations.isRevoked(token(2))).toBe(true);
  first.source.close();
  // A node that starts later finds what is over, and clears it away.
  platform.advance(hour);
  const later = await node();
  await turns();
  await later.objects.drain();
  expect((await stored()).map(({ data }) => data.uid).toSorted()).toEqual(['u3', 'u4']);
  expect(later.revocations.isRevoked(token(4))).toBe(true);
});
