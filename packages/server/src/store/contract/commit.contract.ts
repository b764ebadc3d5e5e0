import type { JsonValue } from '@really/protocol';
import { describe, expect, test } from 'vitest';
import { alone, creation, deletion, each, layout, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

export function commitContract(open: OpenStore): void {
  describe('commit', () => {
    const subject = StoreUnderTest.each(open);

    test('positions grow by one with every change, and a refusal takes none', async () => {
      const { store } = subject;
      expect(await subject.commit(creation('/users/1'), creation('/users/2'))).toEqual([1, 2]);
      const outcomes = await subject.outcomes(...each(creation('/users/1'), creation('/notes/3')));
      expect(outcomes).toEqual([
        { kind: 'conflict', rev: 1, deleted: false },
        { kind: 'committed', positions: [3] },
      ]);
      expect(await store.position()).toBe(3);
    });

    test('an empty commit succeeds', async () => {
      expect(await subject.store.commit([])).toEqual([]);
    });

    test('the latest change time is the greatest time of any change', async () => {
      await subject.commit(creation('/users/1', {}, { at: 500 }));
      await subject.commit(creation('/users/2', {}, { at: 300 }));
      expect(await subject.store.latestChangeTime()).toBe(500);
    });

    test('[DUR2] a write is refused unless the stored revision is one less', async () => {
      await subject.commit(creation('/users/1', { n: 1 }));
      const first = await subject.object('/users/1');
      await subject.commit(update(first, { n: 2 }));
      const conflict = { kind: 'conflict', rev: 2, deleted: false };
      expect(await subject.outcome(update(first, { n: 3 }))).toEqual(conflict);
      expect(await subject.outcome(deletion(first))).toEqual(conflict);
      expect(await subject.outcome(creation('/users/1'))).toEqual(conflict);
      const ahead = { ...first, rev: 5 };
      expect(await subject.outcome(update(ahead, { n: 3 }))).toEqual(conflict);
      expect((await subject.object('/users/1')).data).toEqual({ n: 2 });
    });

    test('an update of a missing object is a conflict with revision 0', async () => {
      const object = { ...creation('/users/1').object };
      const outcome = await subject.outcome(update(object, { n: 1 }));
      expect(outcome).toEqual({ kind: 'conflict', rev: 0, deleted: false });
      expect(await subject.store.get('/users/1')).toBeUndefined();
    });

    test('[DEL2] no write follows a deletion, at any revision', async () => {
      await subject.commit(creation('/users/1', { n: 1 }));
      await subject.commit(deletion(await subject.object('/users/1')));
      const tombstone = await subject.object('/users/1');
      const conflict = { kind: 'conflict', rev: 2, deleted: true };
      expect(await subject.outcome(creation('/users/1'))).toEqual(conflict);
      expect(await subject.outcome(update(tombstone, { n: 2 }))).toEqual(conflict);
      expect(await subject.outcome(deletion(tombstone))).toEqual(conflict);
    });

    test('[DEL3] a deleted object keeps its R and revision, and nothing else', async () => {
      await subject.commit(creation('/users/1', { secret: 'x' }), creation('/users/1/posts/2'));
      await subject.commit(deletion(await subject.object('/users/1')));
      expect(await subject.store.get('/users/1')).toMatchObject({
        r: '/users/1',
        rev: 2,
        data: {},
        touched: {},
        deleted: true,
      });
      expect((await subject.object('/users/1/posts/2')).deleted).toBe(false);
    });

    test('each write is checked against what the ones before it left', async () => {
      const first = creation('/users/1', { n: 1 });
      const second = update(first.object, { n: 2 });
      const third = deletion(second.object);
      const outcomes = await subject.outcomes(...each(first, second, third, creation('/users/1')));
      expect(outcomes).toEqual([
        { kind: 'committed', positions: [1] },
        { kind: 'committed', positions: [2] },
        { kind: 'committed', positions: [3] },
        { kind: 'conflict', rev: 3, deleted: true },
      ]);
    });

    test('a refused write leaves no trace and does not stop the others', async () => {
      const { store } = subject;
      await store.prepare([layout('users', [{ fields: ['email'], unique: true }])]);
      const lost = { uid: 'u1', id: 'k', cmd: 'create', r: '/users/*' };
      const outcomes = await subject.outcomes(
        alone(creation('/users/1', { email: 'a' })),
        alone(creation('/users/2', { email: 'a' }), lost),
        alone(creation('/users/3', {}, { requires: ['/users/2'] }), lost),
        alone(creation('/users/4')),
      );
      expect(outcomes.map(({ kind }) => kind)).toEqual([
        'committed',
        'unique',
        'missing',
        'committed',
      ]);
      expect(await store.getMany(['/users/2', '/users/3'])).toEqual([undefined, undefined]);
      expect((await store.history('/users/2', 0, 10)).entries).toEqual([]);
      expect(await store.once('u1', 'k')).toBeUndefined();
      const created = await store.created({ names: ['users'], parents: [] }, 0, 10);
      expect(created.entries.map(({ object }) => object.r)).toEqual(['/users/1', '/users/4']);
    });

    test('[REF2] a required object must exist, undeleted, at that moment', async () => {
      await subject.commit(creation('/users/1'), creation('/users/2'));
      await subject.commit(deletion(await subject.object('/users/2')));
      const post = (requires: string[]) => creation('/posts/1', {}, { requires });
      const missing = (r: string) => ({ kind: 'missing', r });
      expect(await subject.outcome(post(['/users/9']))).toEqual(missing('/users/9'));
      expect(await subject.outcome(post(['/nowhere/9']))).toEqual(missing('/nowhere/9'));
      expect(await subject.outcome(post(['/users/1', '/users/2', '/users/9']))).toEqual(
        missing('/users/2'),
      );
      await subject.commit(post(['/users/1']));
    });

    test('a required object may be created or deleted earlier in the batch', async () => {
      await subject.commit(creation('/users/1'));
      const outcomes = await subject.outcomes(
        ...each(
          creation('/users/2'),
          creation('/users/2/posts/1', {}, { requires: ['/users/2'] }),
          deletion(await subject.object('/users/1')),
          creation('/users/1/posts/1', {}, { requires: ['/users/1'] }),
        ),
      );
      expect(outcomes.at(1)?.kind).toBe('committed');
      expect(outcomes.at(3)).toEqual({ kind: 'missing', r: '/users/1' });
    });

    test('a conflict is reported before a missing object', async () => {
      await subject.commit(creation('/users/1'));
      const outcome = await subject.outcome(creation('/users/1', {}, { requires: ['/users/9'] }));
      expect(outcome?.kind).toBe('conflict');
    });

    test('overlapping commits take effect in the order of the calls', async () => {
      const first = creation('/users/1', { n: 1 });
      const second = update(first.object, { n: 2 });
      const [a, b] = await Promise.all([
        subject.store.commit(each(first)),
        subject.store.commit(each(second)),
      ]);
      expect([a, b]).toEqual([
        [{ kind: 'committed', positions: [1] }],
        [{ kind: 'committed', positions: [2] }],
      ]);
    });

    test('a large batch of large objects', async () => {
      const text = 'x'.repeat(200_000);
      const writes = Array.from({ length: 20 }, (_, n) => creation(`/users/${n}`, { text, n }));
      await subject.commit(...writes);
      expect((await subject.object('/users/19')).data).toEqual({ text, n: 19 });
    });
  });

  uniqueContract(open);
}

function uniqueContract(open: OpenStore): void {
  describe('unique fields', () => {
    const subject = StoreUnderTest.each(open);
    const users = layout('users', [
      { fields: ['email'], unique: true },
      { fields: ['card.number'], unique: true },
    ]);

    test('[IDX2] a second object with the value is refused, by create and by update', async () => {
      await subject.store.prepare([users]);
      await subject.commit(creation('/users/1', { email: 'a' }), creation('/users/2'));
      const clash = { kind: 'unique', fields: ['email'] };
      expect(await subject.outcome(creation('/users/3', { email: 'a' }))).toEqual(clash);
      const second = await subject.object('/users/2');
      expect(await subject.outcome(update(second, { email: 'a' }))).toEqual(clash);
      expect(await subject.object('/users/2')).toEqual(second);
    });

    test('[IDX2] objects without the field do not count, nor do deleted ones, nor other collections', async () => {
      await subject.store.prepare([users]);
      await subject.commit(
        creation('/users/1'),
        creation('/users/2'),
        creation('/users/3', { email: 'a' }),
        creation('/friends/1', { email: 'a' }),
      );
      await subject.commit(deletion(await subject.object('/users/3')));
      await subject.commit(creation('/users/4', { email: 'a' }));
    });

    test('[IDX2] an object keeps its own value, and frees it', async () => {
      await subject.store.prepare([users]);
      await subject.commit(creation('/users/1', { email: 'a' }));
      await subject.commit(update(await subject.object('/users/1'), { n: 1 }));
      await subject.commit(update(await subject.object('/users/1'), { email: 'b' }));
      await subject.commit(creation('/users/2', { email: 'a' }));
    });

    test('[IDX2] within one batch a value clashes, and a freed value is available', async () => {
      await subject.store.prepare([users]);
      const first = creation('/users/1', { email: 'a' });
      const moved = update(first.object, { email: 'b' });
      const outcomes = await subject.outcomes(
        ...each(
          first,
          creation('/users/2', { email: 'a' }),
          moved,
          creation('/users/3', { email: 'a' }),
          deletion(moved.object),
          creation('/users/4', { email: 'b' }),
        ),
      );
      expect(outcomes.map(({ kind }) => kind)).toEqual([
        'committed',
        'unique',
        'committed',
        'committed',
        'committed',
        'committed',
      ]);
    });

    test('[IDX2] values compare as JSON: a number is no text, true is no 1, members have no order', async () => {
      await subject.store.prepare([users]);
      const values = [1, '1', true, false, 0, [1], ['1'], { a: 1, b: [] }, '', {}, [], 1.5];
      await subject.commit(...values.map((email, index) => creation(`/users/${index}`, { email })));
      const again = [1.0, '1', true, [1], { b: [], a: 1 }, '', {}, []];
      for (const email of again) {
        const outcome = await subject.outcome(creation('/users/x', { email }));
        expect(outcome).toEqual({ kind: 'unique', fields: ['email'] });
      }
      await subject.commit(creation('/users/x', { email: { a: 1, b: {} } }));
    });

    test('[IDX2] close numbers and unusual texts are different values', async () => {
      await subject.store.prepare([users]);
      const values = [
        1.7386229259833814e244,
        1.7386229259833817e244,
        5e-324,
        1e-323,
        1152921504606847200,
        1152921504606847000,
        'a\0b',
        'a\0c',
        'a',
        '\ud800',
        '\ud801',
        '\ufffd',
      ];
      await subject.commit(...values.map((email, index) => creation(`/users/${index}`, { email })));
      for (const email of values) {
        const outcome = await subject.outcome(creation('/users/x', { email }));
        expect(outcome).toEqual({ kind: 'unique', fields: ['email'] });
      }
    });

    test('[IDX2] works for a field inside an object, and names the first of several clashes', async () => {
      await subject.store.prepare([users]);
      await subject.commit(creation('/users/1', { email: 'a', card: { number: 5 } }));
      const inner = await subject.outcome(creation('/users/2', { card: { number: 5 } }));
      expect(inner).toEqual({ kind: 'unique', fields: ['card.number'] });
      const both = await subject.outcome(creation('/users/2', { card: { number: 5 }, email: 'a' }));
      expect(both).toEqual({ kind: 'unique', fields: ['email'] });
      await subject.commit(creation('/users/2', { card: [{ number: 5 }], 'card.number': 5 }));
    });

    test('[FAC3] of several fields, refuses the combination alone, and names all of them', async () => {
      const { store } = subject;
      await store.prepare([layout('pages', [{ fields: ['site', 'o.slug'], unique: true }])]);
      const page = (id: number, site: JsonValue, slug: JsonValue) =>
        creation(`/pages/${id}`, { site, o: { slug } });
      await subject.commit(page(1, 'x', 'home'), page(2, 'y', 'home'), page(3, 'x', 'news'));
      const clash = { kind: 'unique', fields: ['site', 'o.slug'] };
      expect(await subject.outcome(page(4, 'x', 'home'))).toEqual(clash);
      const second = await subject.object('/pages/2');
      expect(await subject.outcome(update(second, { site: 'x' }))).toEqual(clash);
      // Without one of the fields an object does not count.
      await subject.commit(page(5, 'x', null), page(6, 'x', null), creation('/pages/7'));
      const [one, other] = [await subject.object('/pages/1'), await subject.object('/pages/3')];
      const swap = [update(one, { o: { slug: 'news' } }), update(other, { o: { slug: 'home' } })];
      const [swapped] = await store.commit([{ writes: swap }]);
      expect(swapped?.kind).toBe('committed');
      await subject.commit(deletion(await subject.object('/pages/1')), page(8, 'x', 'news'));
    });

    test('[IDX2] applies across parents', async () => {
      await subject.store.prepare([layout('a/b', [{ fields: ['n'], unique: true }])]);
      await subject.commit(creation('/a/1/b/1', { n: 1 }));
      const outcome = await subject.outcome(creation('/a/2/b/1', { n: 1 }));
      expect(outcome).toEqual({ kind: 'unique', fields: ['n'] });
    });
  });
}
