import { fail, type JsonObject } from '@really/protocol';
import { expect, test } from 'vitest';
import { localBus } from '../bus/local/bus.js';
import { silentLog } from '../platform/log.js';
import { simulatedPlatform } from '../platform/simulated.js';
import { openMemoryStore } from '../store/memory/store.js';
import { createWrite, updateWrite, type WriteOrigin } from './change.js';
import { controlled } from './controlled-store.fixture.js';
import { Objects } from './objects.js';
import type { WriteRequest } from './write-request.js';

const origin: WriteOrigin = { by: { uid: 'u' }, at: 1, modelVersion: 1 };
const member = '/members/1';

function setUp() {
  const platform = simulatedPlatform({ seed: 1 });
  const store = controlled(openMemoryStore({}, platform));
  const objects = new Objects({ store, bus: localBus(), platform, log: silentLog });
  return { store, objects };
}

function creation(r: string, data: JsonObject): WriteRequest {
  return { r, prepare: () => createWrite(r, data, origin) };
}

/** Allowed while the member is an editor; `prepared` collects. */
function task(r: string, prepared: string[], onPrepared: () => void = () => {}): WriteRequest {
  return {
    r,
    prepare: async (_head, readObjects) => {
      const [object] = await readObjects([member]);
      prepared.push(String(object?.data.role));
      onPrepared();
      if (object?.data.role !== 'editor') throw fail('forbidden');
      const reads = [{ r: member, rev: object.rev, fields: ['role'] }];
      return createWrite(r, {}, { ...origin, reads });
    },
  };
}

test.each([
  ['alone', async (objects: Objects, request: WriteRequest) => void (await objects.write(request))],
  [
    'in a batch',
    async (objects: Objects, request: WriteRequest) => {
      const result = await objects.writeAll([creation('/tasks/0', {}), request]);
      if (result.kind === 'refused') throw result.error;
    },
  ],
])(
  '[LKP3] a write %s that was allowed before a role was taken away is refused',
  async (_how, write) => {
    const { store, objects } = setUp();
    await objects.write(creation(member, { role: 'editor', note: 'a' }));
    const prepared: string[] = [];
    // Another writer, whose commit comes between preparing and committing.
    const result = write(
      objects,
      task('/tasks/1', prepared, () => {
        if (prepared.length > 1) return;
        const head = { r: member, rev: 1, data: {}, touched: {}, deleted: false, modelVersion: 1 };
        const update = { data: { role: 'reader' }, delta: {}, touched: ['role'] };
        void store.commit([{ writes: [updateWrite(head, update, origin)] }]);
      }),
    );
    await expect(result).rejects.toMatchObject({ message: 'forbidden' });
    expect(prepared).toEqual(['editor', 'reader']);
    expect(await store.get('/tasks/1')).toBeUndefined();
  },
);

test('[LKP3] a change of a field that no rule reads does not matter', async () => {
  const { store, objects } = setUp();
  await objects.write(creation(member, { role: 'editor', note: 'a' }));
  const prepared: string[] = [];
  await objects.write(
    task('/tasks/1', prepared, () => {
      const head = { r: member, rev: 1, data: {}, touched: {}, deleted: false, modelVersion: 1 };
      const data = { role: 'editor', note: 'b' };
      void store.commit([
        { writes: [updateWrite(head, { data, delta: {}, touched: ['note'] }, origin)] },
      ]);
    }),
  );
  expect(prepared).toEqual(['editor']);
});
