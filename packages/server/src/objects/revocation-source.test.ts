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
  /** A node; a `deaf` one receives nothing from the others over the bus. */
  const node = async ({ deaf = false, isSoleWriter = true } = {}) => {
    const own = { ...common, store: { ...store, isSoleWriter }, bus: deaf ? localBus() : bus };
    const objects = new Objects(own);
    const records = new SystemRecords(objects);
    const revocations = new Revocations({ records, clock: platform.clock });
    const source = new RevocationSource({ ...own, revocations, records });
    await source.open();
    return { objects, revocations, source };
  };
  const stored = async () => {
    const order = { keys: [{ field: '_r', descending: false }] };
    const scope = { names: [revocationsName], parents: [] };
    return await store.query({ scope, order, limit: 10_000, timeout: 1000 });
  };
  return { platform, store, node, stored };
}

const token = (n: number) => ({ uid: `u${n}`, key: `j${n}`, issuedAt: 0 });
const turns = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('[AUT7] a starting node loads every revocation, however many there are', async () => {
  const { node, stored } = world();
  const first = await node();
  const count = 2500;
  const all = Array.from({ length: count }, (_, n) => token(n));
  await Promise.all(all.map((token) => first.revocations.revokeToken(token, undefined)));
  await first.revocations.revokeUid('everybody');
  expect(await stored()).toHaveLength(count + 1);
  const { revocations } = await node();
  expect(all.filter((token) => !revocations.isRevoked(token))).toEqual([]);
  expect(revocations.isRevoked({ ...token(1), uid: 'everybody' })).toBe(true);
  expect(revocations.isRevoked(token(count))).toBe(false);
});

test("[SES10] nodes receive each other's revocations over the bus", async () => {
  const { node } = world();
  const [first, other] = [await node(), await node()];
  const received: string[] = [];
  other.revocations.listen(({ uid }) => received.push(uid));
  await first.revocations.revokeToken(token(1), undefined);
  await first.objects.drain();
  expect(received).toEqual(['u1']);
  expect(other.revocations.isRevoked(token(1))).toBe(true);
});

test('[SES10] and from the store, where the bus lost them', async () => {
  const { node, platform, store } = world();
  const first = await node({ isSoleWriter: false });
  const deaf = await node({ isSoleWriter: false, deaf: true });
  await first.revocations.revokeToken(token(1), undefined);
  await first.revocations.revokeUid('u2');
  expect(deaf.revocations.isRevoked(token(1))).toBe(false);
  platform.advance(5000);
  await turns();
  expect([1, 2, 3].map((n) => deaf.revocations.isRevoked(token(n)))).toEqual([true, true, false]);
  await first.revocations.revokeUid('u3');
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
  first.source.close();
  platform.advance(60_000);
  await turns();
  expect(looks.length).toBeLessThanOrEqual(2);
});

test('[AUT7] an hour after its token expired a revocation is removed from memory and disk', async () => {
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
  // A node that starts later finds expired revocations and removes them.
  platform.advance(hour);
  const later = await node();
  await turns();
  await later.objects.drain();
  expect((await stored()).map(({ data }) => data.uid).toSorted()).toEqual(['u3', 'u4']);
  expect(later.revocations.isRevoked(token(4))).toBe(true);
});

test('[AUT7] a node removes the expired ones that it finds a few at a time', async () => {
  const { node, platform, stored, store } = world();
  const first = await node();
  const until = platform.clock.now() + 1000;
  const all = Array.from({ length: 300 }, (_, n) => token(n));
  await Promise.all(all.map((token) => first.revocations.revokeToken(token, until)));
  first.source.close();
  platform.advance(2 * hour);
  const before = store.commits.length;
  store.hold();
  const second = await node();
  await turns();
  store.release();
  await expect.poll(async () => (await stored()).length).toBe(0);
  await second.objects.drain();
  const sizes = store.commits.slice(before).map((writes) => writes.length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(16);
});
