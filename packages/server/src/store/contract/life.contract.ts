import { describe, expect, test } from 'vitest';
import { StoreUnavailable } from '../store-errors.js';
import { creation, deletion, each, queryOf, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

export function lifeContract(open: OpenStore): void {
  describe('objects by key', () => {
    const subject = StoreUnderTest.each(open);

    test('an object that was never written is missing, also in unknown collections', async () => {
      const { store } = subject;
      expect(await store.get('/users/1')).toBeUndefined();
      expect(await store.getMany(['/users/1', '/a/1/b/2'])).toEqual([undefined, undefined]);
      expect(await store.query(queryOf('users'))).toEqual([]);
      expect(await store.count(queryOf('users/posts'))).toBe(0);
      expect(await store.position()).toBe(0);
      expect(await store.latestChangeTime()).toBe(0);
    });

    test('an object comes back as it was written', async () => {
      const data = { name: 'Ann', age: 7.5, tags: ['a', { b: [null, true] }], o: { p: {} } };
      await subject.commit(creation('/users/1', data));
      expect(await subject.store.get('/users/1')).toEqual({
        r: '/users/1',
        rev: 1,
        data,
        touched: {},
        deleted: false,
        modelVersion: 1,
      });
    });

    test('any JSON survives: U+0000, lone surrogates, unusual names, large and small numbers', async () => {
      const data = JSON.parse(
        '{"a":"x\\u0000y","b":"\\ud800","c":"\\udc00\\ud83d","":1,"d.e\\"[0]":2,"\\u0000":3,' +
          '"__proto__":{"x":1},"constructor":5,"n":[1e308,5e-324,9007199254740993,-1e-7,1e21,0.1]}',
      );
      await subject.commit(creation('/users/1', data));
      const { data: stored } = await subject.object('/users/1');
      expect(JSON.stringify(stored)).toBe(JSON.stringify(data));
      expect(Object.hasOwn(stored, '__proto__')).toBe(true);
      expect(Object.getPrototypeOf(stored)).toBe(Object.prototype);
    });

    test('collections whose names differ only in case are two', async () => {
      await subject.commit(creation('/users/1', { n: 1 }), creation('/Users/1', { n: 2 }));
      expect((await subject.object('/users/1')).data).toEqual({ n: 1 });
      expect((await subject.object('/Users/1')).data).toEqual({ n: 2 });
    });

    test('ids that differ only in case are two', async () => {
      await subject.commit(creation('/users/a', { n: 1 }), creation('/users/A', { n: 2 }));
      expect((await subject.object('/users/a')).data).toEqual({ n: 1 });
    });

    test('objects under different parents are separate', async () => {
      await subject.commit(creation('/a/1/b/1', { n: 1 }), creation('/a/2/b/1', { n: 2 }));
      expect((await subject.object('/a/2/b/1')).data).toEqual({ n: 2 });
      expect(await subject.store.get('/a/3/b/1')).toBeUndefined();
    });

    test('getMany keeps the order requested', async () => {
      await subject.commit(creation('/users/1', { n: 1 }), creation('/notes/2', { n: 2 }));
      const found = await subject.store.getMany(['/notes/2', '/users/9', '/users/1', '/notes/2']);
      expect(found.map((object) => object?.r)).toEqual([
        '/notes/2',
        undefined,
        '/users/1',
        '/notes/2',
      ]);
    });

    test('areLiving says which objects exist and are not deleted, in the order requested', async () => {
      const gone = creation('/users/2', { n: 1 });
      await subject.commit(creation('/users/1', { n: 1 }), creation('/a/1/b/2', {}), gone);
      await subject.commit(deletion(gone.object));
      const rs = ['/users/2', '/a/1/b/2', '/users/9', '/users/1', '/a/2/b/2', '/never/1'];
      expect(await subject.store.areLiving(rs)).toEqual([false, true, false, true, false, false]);
      expect(await subject.store.areLiving(['/users/1'])).toEqual([true]);
      expect(await subject.store.areLiving(['/never/1'])).toEqual([false]);
      expect(await subject.store.areLiving([])).toEqual([]);
    });

    test('getMany is from one moment, while others write', async () => {
      await subject.commit(creation('/users/1', { n: 0 }), creation('/users/2', { n: 0 }));
      let [a, b] = [await subject.object('/users/1'), await subject.object('/users/2')];
      for (let n = 1; n <= 50; n++) {
        const writes = [update(a, { n }), update(b, { n })];
        const committed = subject.commit(...writes);
        const [seenA, seenB] = await subject.store.getMany(['/users/1', '/users/2']);
        expect(seenA?.data).toEqual(seenB?.data);
        await committed;
        [a, b] = [writes[0]?.object ?? a, writes[1]?.object ?? b];
      }
    });

    test('every read sees all commits answered before it began', async () => {
      await subject.commit(creation('/users/1', { n: 0 }));
      for (let n = 1; n <= 50; n++) {
        await subject.commit(update(await subject.object('/users/1'), { n }));
        expect((await subject.object('/users/1')).data).toEqual({ n });
        const [found] = await subject.store.query(queryOf('users'));
        expect(found?.data).toEqual({ n });
      }
    });
  });

  describe('life cycle', () => {
    const subject = StoreUnderTest.each(open);

    test('it is the sole writer, and available', async () => {
      expect(subject.store.isSoleWriter).toBe(true);
      await subject.store.ping();
    });

    test('close finishes what was committed before it', async () => {
      const committed = subject.store.commit(each(creation('/users/1')));
      await subject.store.close();
      expect(await committed).toEqual([{ kind: 'committed', positions: [1] }]);
    });

    test('a closed store is unavailable, and closes again', async () => {
      const { store } = subject;
      await store.close();
      await store.close();
      const calls = [
        () => store.get('/users/1'),
        () => store.getMany(['/users/1']),
        () => store.areLiving(['/users/1']),
        () => store.commit(each(creation('/users/1'))),
        () => store.query(queryOf('users')),
        () => store.count(queryOf('users')),
        () => store.history('/users/1', 0, 10),
        () => store.created({ names: ['users'], parents: [] }, 0, 10),
        () => store.position(),
        () => store.latestChangeTime(),
        () => store.once('u1', 'a'),
        () => store.ping(),
        () => store.prepare([]),
      ];
      for (const call of calls) await expect(call()).rejects.toThrow(StoreUnavailable);
    });
  });
}
