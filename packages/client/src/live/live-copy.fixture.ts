import { beforeEach } from 'vitest';
import { FakeWorld } from '../fake-world.fixture.js';
import type { LiveObject } from '../live-copy.js';
import type { Really } from '../really.js';
import './mod.js';

/** A client that is connected, and its world: others for each test. */
export let world: FakeWorld;
export let client: Really;
beforeEach(async () => {
  world = new FakeWorld();
  client = await world.connected();
});

// biome-ignore lint/suspicious/noExplicitAny: whatever fields a test gives it
export type Untyped = any;

export const r = '/a/1';
export const snapshot = (rev: number, n: number, view = 'v1') => ({
  ...{ evt: 'snapshot', r, rev, meta: { view } },
  body: { _r: r, _rev: rev, n },
});
export const added = (rev: number, value: number, meta: object = {}) => ({
  ...{ evt: 'updated', r, rev, meta: { opBy: { uid: 'x' }, ...meta } },
  body: { n: { op: 'addNumber', opValue: 1, value } },
});
export const subscribed = (...views: string[]) =>
  world.socket.answer('subscribe', {
    body: {
      subscriptions: world.socket
        .last('subscribe')
        .body.subscriptions.map((item: { r: string }, at: number) => ({
          ...{ r: item.r, fields: ['n'], view: views[at] ?? 'v1' },
        })),
    },
  });

/** Everything that listeners heard: the kind and the revision of each change, and the value of n. */
export function heardBy(live: LiveObject<Untyped>): unknown[] {
  const heard: unknown[] = [];
  live.subscribe((value, change) => {
    heard.push([change.kind, 'rev' in change ? change.rev : '', value?.n]);
  });
  return heard;
}

/** A live copy of `r`, which is known at revision 3. */
export async function liveObject() {
  const live = client.live(client.object(r));
  const heard = heardBy(live);
  await world.settle();
  subscribed();
  world.socket.say(snapshot(3, 5));
  return { live, heard };
}
