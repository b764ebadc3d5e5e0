import { expect, test } from 'vitest';
import { simulatedPlatform } from '../../platform/simulated.js';
import { creation, each } from '../contract/sample-writes.js';
import { storeContract } from '../store.contract.js';
import { openMemoryStore } from './store.js';

storeContract('memory', async (config, platform) => {
  const store = openMemoryStore(config, platform);
  return { store, reader: store, close: () => store.close() };
});

test('objects from the memory store cannot be changed', async () => {
  const store = openMemoryStore({}, simulatedPlatform({ seed: 1 }));
  const written = creation('/users/1', { tags: ['a'] });
  await store.commit(each(written));
  const tags = (await store.get('/users/1'))?.data.tags as string[];
  expect(() => tags.push('b')).toThrow(TypeError);
  (written.object.data.tags as string[]).push('b');
  expect((await store.get('/users/1'))?.data).toEqual({ tags: ['a'] });
});
