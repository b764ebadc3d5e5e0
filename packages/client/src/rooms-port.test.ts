import { expect, test } from 'vitest';
import { FakeWorld } from './fake-world.fixture.js';

test('[TSC14] without the entry for rooms it says what to import', async () => {
  const client = await new FakeWorld().connected();
  expect(() => client.room('/boards/7')).toThrow('@really/client/room: import it first');
});
