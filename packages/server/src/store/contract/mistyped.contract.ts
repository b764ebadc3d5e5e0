import { describe, expect, test } from 'vitest';
import type { StoredFieldType } from '../collection-layout.js';
import { creation, deletion, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

export function mistypedContract(open: OpenStore): void {
  describe('values of other types', () => {
    const subject = StoreUnderTest.each(open);
    const types: StoredFieldType[] = [
      { field: 'name', type: 'text' },
      { field: 'age', type: 'number' },
      { field: 'on', type: 'boolean' },
    ];
    const names = ['users'];

    test('are found in any of the fields, with and without an index', async () => {
      const { store } = subject;
      expect(await store.mistyped(names, types)).toBe(false);
      await subject.commit(
        creation('/users/typed', { name: 'a', age: 1.5, on: false, other: [] }),
        creation('/users/empty', {}),
        creation('/others/1', { name: 7 }),
      );
      const wrong = { name: [7, null, true, ['a'], {}], age: ['7', null, false], on: ['true', 0] };
      for (const prepared of [false, true]) {
        if (prepared) await store.prepare([{ ...layout('users'), types }]);
        expect(await store.mistyped(names, types)).toBe(false);
        for (const [field, values] of Object.entries(wrong)) {
          for (const [index, value] of values.entries()) {
            const created = creation(`/users/${field}-${index}-${prepared}`, { [field]: value });
            await subject.commit(created);
            expect(await store.mistyped(names, types), `${field} ${value}`).toBe(true);
            const others = types.filter((type) => type.field !== field);
            expect(await store.mistyped(names, others)).toBe(false);
            await subject.commit(deletion(created.object));
            expect(await store.mistyped(names, types)).toBe(false);
          }
        }
      }
    });

    test('appear and disappear with updates and migrations', async () => {
      const { store } = subject;
      await store.prepare([{ ...layout('users'), types }]);
      const created = creation('/users/1', { age: 1 });
      const updated = update(created.object, { age: '1' });
      await subject.commit(created, updated);
      expect(await store.mistyped(names, types)).toBe(true);
      const migrated = { ...updated.object, data: { age: 1 }, modelVersion: 2 };
      await store.migrate([{ object: migrated, from: 1 }]);
      expect(await store.mistyped(names, types)).toBe(false);
      expect(await store.mistyped(names, [])).toBe(false);
    });
  });
}
