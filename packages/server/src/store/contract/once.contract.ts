import { describe, expect, test } from 'vitest';
import { alone, creation, deletion, update } from './sample-writes.js';
import { type OpenStore, StoreUnderTest } from './setup.js';

const key = (id: string, uid = 'u1') => ({ uid, id, cmd: 'create', r: '/users/*' });

export function onceContract(open: OpenStore): void {
  describe('once', () => {
    const subject = StoreUnderTest.each(open, { onceWindow: 60_000, onceKeep: 20 });
    const use = async (id: string, r: string, uid = 'u1') =>
      await subject.outcome(creation(r), key(id, uid));

    test('[ONC1] a second write with the key changes nothing, and returns the result of the first', async () => {
      await use('k', '/users/1');
      const first = { ...key('k'), results: [{ r: '/users/1', rev: 1 }] };
      expect(await subject.store.once('u1', 'k')).toEqual(first);
      expect(await use('k', '/users/2')).toEqual({ kind: 'repeated', first });
      expect(await subject.store.get('/users/2')).toBeUndefined();
      expect(await subject.store.position()).toBe(1);
    });

    test('[ONC1] also within one commit, and before any other check', async () => {
      const outcomes = await subject.store.commit([
        alone(creation('/users/1'), key('k')),
        alone(creation('/users/1', {}, { requires: ['/users/9'] }), key('k')),
      ]);
      expect(outcomes.at(1)).toEqual({
        kind: 'repeated',
        first: { ...key('k'), results: [{ r: '/users/1', rev: 1 }] },
      });
    });

    test('[ONC1] other uids and other keys are independent', async () => {
      await use('k', '/users/1');
      expect((await use('k', '/users/2', 'u2'))?.kind).toBe('committed');
      expect((await use('K', '/users/3'))?.kind).toBe('committed');
      expect(await subject.store.once('u2', 'K')).toBeUndefined();
    });

    test('[ONC5] a change has the key of its group, wherever it is read', async () => {
      const scope = { names: ['users'], parents: [] };
      await subject.outcome(creation('/users/0'));
      await use('a "k" \ud800', '/users/1');
      const one = await subject.object('/users/1');
      const two = update(one, { n: 2 });
      await subject.outcomes(
        { writes: [two, creation('/users/2'), update(two.object, { n: 3 })], once: key('b') },
        alone(creation('/users/3')),
        alone(deletion(await subject.object('/users/0')), key('c')),
      );
      const { entries } = await subject.store.history('/users/1', 0, 10);
      expect(entries.map(({ once }) => once)).toEqual(['a "k" \ud800', 'b', 'b']);
      const far = await subject.store.history('/users/0', 1, 10);
      expect(far.entries.map(({ once }) => once)).toEqual(['c']);
      const created = await subject.store.created(scope, 0, 10);
      expect(created.entries.map(({ change }) => [change.r, change.once])).toEqual([
        ['/users/1', 'a "k" \ud800'],
        ['/users/2', 'b'],
        ['/users/3', undefined],
      ]);
      const changes = await subject.store.changes(scope, 2, 10);
      expect(changes.entries.map(({ change }) => [change.r, change.once])).toEqual([
        ['/users/1', 'b'],
        ['/users/2', 'b'],
        ['/users/1', 'b'],
        ['/users/3', undefined],
        ['/users/0', 'c'],
      ]);
    });

    test('[ONC1] any text is a key and a uid, also with lone surrogates', async () => {
      const ids = ['\ud800', '\ud801', '\ufffd', 'a\0', 'a', "'", '"\\'];
      for (const [index, id] of ids.entries()) {
        expect((await use(id, `/a/${index}`))?.kind).toBe('committed');
        expect((await use('k', `/b/${index}`, id))?.kind).toBe('committed');
      }
      for (const [index, id] of ids.entries()) {
        expect((await subject.store.once('u1', id))?.results[0]?.r).toBe(`/a/${index}`);
        expect((await subject.store.once(id, 'k'))?.results[0]?.r).toBe(`/b/${index}`);
      }
    });

    test('[ONC1] an update is remembered with its revision', async () => {
      await subject.commit(creation('/users/1'));
      const once = { uid: 'u1', id: 'k', cmd: 'update', r: '/users/1' };
      await subject.outcome(update(await subject.object('/users/1'), { n: 1 }), once);
      expect(await subject.store.once('u1', 'k')).toEqual({
        ...once,
        results: [{ r: '/users/1', rev: 2 }],
      });
    });

    test('[ONC3] a refused write is not remembered', async () => {
      await subject.commit(creation('/users/1'));
      expect((await use('k', '/users/1'))?.kind).toBe('conflict');
      expect(await subject.store.once('u1', 'k')).toBeUndefined();
      expect((await use('k', '/users/2'))?.kind).toBe('committed');
    });

    test('[ONC4] a key is forgotten after the window, and can be used again', async () => {
      await use('k', '/users/1');
      subject.platform.advance(59_999);
      expect((await subject.store.once('u1', 'k'))?.results[0]?.r).toBe('/users/1');
      subject.platform.advance(1);
      expect(await subject.store.once('u1', 'k')).toBeUndefined();
      expect((await use('k', '/users/2'))?.kind).toBe('committed');
      expect((await subject.store.once('u1', 'k'))?.results[0]?.r).toBe('/users/2');
    });

    test('[ONC4] the last keys of each uid are remembered', async () => {
      await use('other', '/users/other', 'u2');
      for (let n = 0; n < 21; n++) await use(`k${n}`, `/users/${n}`);
      expect(await subject.store.once('u1', 'k0')).toBeUndefined();
      expect((await subject.store.once('u1', 'k1'))?.results[0]?.r).toBe('/users/1');
      expect((await subject.store.once('u2', 'other'))?.results[0]?.r).toBe('/users/other');
      expect((await use('k0', '/users/x'))?.kind).toBe('committed');
      expect(await subject.store.once('u1', 'k1')).toBeUndefined();
    });

    test('[ONC4] however many there were', async () => {
      for (let batch = 0; batch < 10; batch++) {
        const ids = Array.from({ length: 100 }, (_, n) => batch * 100 + n);
        await subject.store.commit(
          ids.map((n) => alone(creation(`/users/${n}`), key(`k${n}`, `u${n % 2}`))),
        );
      }
      expect((await subject.store.once('u1', 'k999'))?.results[0]?.r).toBe('/users/999');
      expect((await subject.store.once('u1', 'k961'))?.results[0]?.r).toBe('/users/961');
      expect(await subject.store.once('u1', 'k959')).toBeUndefined();
      expect((await subject.store.once('u0', 'k960'))?.results[0]?.r).toBe('/users/960');
    });
  });
}
