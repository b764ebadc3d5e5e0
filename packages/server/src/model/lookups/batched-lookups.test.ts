import { expect, test } from 'vitest';
import type { StoredObject } from '../../store/stored-object.js';
import { batchedLookups } from './batched-lookups.js';

const objectAt = (r: string): StoredObject => {
  return { r, rev: 1, data: { r }, touched: {}, deleted: false, modelVersion: 1 };
};

/** Objects of so many bytes each; `reads`: what was read at once, `|` where others had their turn. */
function lookupsOf(bytes: number) {
  const reads: string[] = [];
  const read = batchedLookups(
    async (rs) => {
      reads.push(rs.join(' '));
      return rs.map(objectAt);
    },
    {
      bytesOf: () => bytes,
      pause: async () => {
        reads.push('|');
      },
    },
  );
  return { read, reads };
}

const rsOf = (objects: readonly (StoredObject | undefined)[]) => objects.map((object) => object?.r);

test('[LKP5] what many scripts look at is read once, a few objects at a time', async () => {
  const { read, reads } = lookupsOf(100);
  const scripts = Array.from({ length: 10 }, (_, n) => [`/a/${n}`, '/a/all']);
  const found = await Promise.all(scripts.map(async (rs) => rsOf(await read(rs))));
  expect(found).toEqual(scripts);
  expect(reads.slice(0, 3)).toEqual([
    '/a/0 /a/all /a/1 /a/2 /a/3 /a/4 /a/5 /a/6',
    '|',
    '/a/7 /a/8 /a/9',
  ]);
  expect(read(['/a/9', '/a/all'])).not.toBeInstanceOf(Promise);
});

test('[LKP2] what one script looks at is read together, however much it is', async () => {
  const { read, reads } = lookupsOf(100);
  const many = Array.from({ length: 12 }, (_, n) => `/a/${n}`);
  const [one, other] = await Promise.all([read(['/b/1']), read(many)]);
  expect([rsOf(one), rsOf(other)]).toEqual([['/b/1'], many]);
  expect(reads.slice(0, 3)).toEqual(['/b/1', '|', many.join(' ')]);
});

test('[LIM46] large objects are not all kept: a script gets its own, and later ones are read again', async () => {
  const { read, reads } = lookupsOf(6 * 1024 * 1024);
  for (const r of ['/a/1', '/a/2', '/a/3']) expect(rsOf(await read([r]))).toEqual([r]);
  expect(rsOf(await read(['/a/2', '/a/3']))).toEqual(['/a/2', '/a/3']);
  expect(reads.filter((text) => text !== '|')).toEqual(['/a/1', '/a/2', '/a/3', '/a/2']);
});

test('[LKP2] a read that fails fails for those that asked, and not for later ones', async () => {
  let fails = true;
  const read = batchedLookups(async (rs) => {
    if (fails) throw new Error('no store');
    return rs.map(objectAt);
  });
  const results = await Promise.allSettled([read(['/a/1']), read(['/a/2'])]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(rsOf(await read(['/a/1']))).toEqual(['/a/1']);
});
