import { describe, expect, test } from 'vitest';
import { UniqueClash } from '../store-errors.js';
import { creation, layout, queryOf } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

export function prepareContract(open: OpenStore): void {
  describe('prepare', () => {
    const subject = StoreUnderTest.each(open);
    const plain = layout('users');
    const unique = layout('users', [{ fields: ['email'], unique: true }]);

    test('repeating the same layouts changes nothing', async () => {
      await subject.store.prepare([unique]);
      await subject.commit(creation('/users/1', { email: 'a' }));
      await subject.store.prepare([unique]);
      const outcome = await subject.outcome(creation('/users/2', { email: 'a' }));
      expect(outcome?.kind).toBe('unique');
    });

    test('[IDX2] a unique index covers stored objects, and is dropped when no layout has it', async () => {
      await subject.store.prepare([plain]);
      await subject.commit(creation('/users/1', { email: 'a' }));
      await subject.store.prepare([unique]);
      const outcome = await subject.outcome(creation('/users/2', { email: 'a' }));
      expect(outcome?.kind).toBe('unique');
      await subject.store.prepare([layout('users', [{ fields: ['email'], unique: false }])]);
      await subject.commit(creation('/users/2', { email: 'a' }));
    });

    test('[IDX2] a unique index that stored objects forbid is refused, and nothing changes', async () => {
      const { store } = subject;
      await store.prepare([plain, layout('notes', [{ fields: ['title'], unique: true }])]);
      await subject.commit(
        creation('/users/1', { email: 'a' }),
        creation('/users/2', { email: 'a' }),
        creation('/notes/1', { title: 't' }),
      );
      const attempt = store.prepare([layout('notes'), unique]);
      await expect(attempt).rejects.toThrow(UniqueClash);
      await expect(attempt).rejects.toMatchObject({ collection: 'users', fields: ['email'] });
      await subject.commit(creation('/users/3', { email: 'a' }));
      const outcome = await subject.outcome(creation('/notes/2', { title: 't' }));
      expect(outcome?.kind).toBe('unique');
    });

    test('[IDX2] of several indexes that are forbidden the first one is named, also where it was known', async () => {
      const { store } = subject;
      const indexes = ['email', 'name'].map((field) => ({ fields: [field], unique: true }));
      await store.prepare([{ ...layout('users', indexes.slice(0, 1)), currentFrom: 2 }]);
      const same = { email: 'a', name: 'n' };
      await subject.commit(creation('/users/1', same), creation('/users/2', same));
      const attempt = store.prepare([layout('users', indexes)]);
      await expect(attempt).rejects.toMatchObject({ collection: 'users', fields: ['email'] });
    });

    test('[FAC3] stored objects that agree in all fields of a new unique index forbid it', async () => {
      const both = layout('users', [{ fields: ['team', 'o.slug'], unique: true }]);
      const { store } = subject;
      await store.prepare([plain]);
      const data = { team: 1, o: { slug: 'a' } };
      await subject.commit(creation('/users/1', data), creation('/users/2', { ...data, team: 2 }));
      await store.prepare([both]);
      await store.prepare([plain]);
      await subject.commit(creation('/users/3', data));
      const attempt = store.prepare([both]);
      await expect(attempt).rejects.toThrow(
        'two objects of users have the same values in team and o.slug, so they cannot become unique',
      );
      await expect(attempt).rejects.toMatchObject({ fields: ['team', 'o.slug'] });
    });

    test('[IDX1] an index changes no result, whatever the name of the field', async () => {
      const fields = ['n', 'Name', 'name', "it's", 'a"b', 'x[0]', '#', 'é', 'o.p', '$', '\0'];
      const indexes = fields.map((field) => ({ fields: [field], unique: false }));
      const data = Object.fromEntries(fields.map((field, value) => [field, value]));
      await subject.store.prepare([layout('users', indexes)]);
      await subject.commit(creation('/users/1', { ...data, o: { p: 8 } }), creation('/users/2'));
      for (const [value, field] of fields.entries()) {
        const path = field.split('.');
        const filter = { kind: 'comparison', field: path, operator: '=', value } as const;
        const found = await subject.store.query(queryOf('users', { filter }));
        expect(found.map(({ r }) => r)).toEqual(['/users/1']);
      }
    });
  });
}
