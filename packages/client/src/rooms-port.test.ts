import { expect, test } from 'vitest';
import { Really } from './browser.js';
import { FakeWorld } from './fake-world.fixture.js';

test('[TSC14] without the entry for rooms it says what to import', async () => {
  const client = await new FakeWorld().connected();
  expect(() => client.room('/boards/7')).toThrow('@really/client/room: import it first');
});

test('[TSC14] the file for pages without a bundler has rooms', async () => {
  const world = new FakeWorld();
  const client = new Really('ws://test', { token: 'token', platform: world.platform });
  client.room('/boards/7');
  await world.reconnect();
  expect(world.socket.last('join').r).toBe('/boards/7');
});
