import { afterEach, describe, expect, test } from 'vitest';
import { bound } from '../../live/live.fixture.js';
import { alice } from '../../model/models.fixture.js';
import { openMemoryStore } from '../../store/memory/store.js';
import { type TestApp, testApp } from '../test-app.fixture.js';

const models = {
  notes: `version: 1
fields: { text: { type: String } }
access: { create: true, read: true, update: true }`,
};

let app: TestApp | undefined;
afterEach(async () => await app?.close());

describe('[ADM2] the history of an object with large revisions', () => {
  const r = '/notes/1';

  /** Of 21 revisions of 200 KB each; `reads` gets how many each read of the store found. */
  async function start(reads: number[]): Promise<TestApp> {
    app = await testApp({
      models,
      open: (platform) => {
        const store = openMemoryStore({}, platform);
        return {
          ...bound(store),
          async history(...args) {
            const found = await store.history(...args);
            reads.push(found.entries.length);
            return found;
          },
        };
      },
    });
    const text = (n: number) => String(n).padEnd(200_000, 'x');
    await app.send(alice, { cmd: 'create', r, body: { text: text(1) } });
    for (let rev = 1; rev <= 20; rev++) {
      const ops = [{ op: 'set', key: 'text', value: text(rev + 1) }];
      await app.send(alice, { cmd: 'update', r, rev, body: { ops } });
    }
    reads.length = 0;
    return app;
  }

  async function page(limit: number) {
    const { body } = (await app?.send(alice, { cmd: 'history', r, cmdOpts: { limit } })) ?? {};
    return body as unknown as { entries: { rev: number }[]; next?: number };
  }

  test('is read as far as the page needs it', async () => {
    const reads: number[] = [];
    await start(reads);
    expect(await page(1)).toMatchObject({ entries: [{ rev: 21 }], next: 21 });
    expect(reads).toEqual([2]);
  });

  test('is read in parts, newest first', async () => {
    const reads: number[] = [];
    await start(reads);
    const { entries } = await page(10);
    expect(entries.map(({ rev }) => rev)).toEqual([21, 20, 19, 18, 17, 16, 15, 14, 13, 12]);
    expect(Math.max(...reads)).toBeLessThanOrEqual(3);
  });
});
