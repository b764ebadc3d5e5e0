import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { creation, each, queryOf } from '../../contract/sample-writes.js';
import { StoreInUse, StoreUnavailable } from '../../store-errors.js';
import { Scratch } from '../scratch.fixture.js';

const scratch = Scratch.each();

function replaceLog(file: string): void {
  rmSync(`${file}-wal`);
  writeFileSync(`${file}-wal`, '');
}

describe('[DUR10] a database in use', () => {
  test('is not opened a second time where its lock file was deleted, also with force, and goes on', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await store.commit(each(creation('/users/1')));
    for (const force of [false, true]) {
      rmSync(`${file}.lock`, { force: true });
      await expect(scratch.open({ file, force })).rejects.toBeInstanceOf(StoreInUse);
      // Otherwise the next attempt would find a lock that nobody holds.
      await expect(scratch.open({ file, force })).rejects.toBeInstanceOf(StoreInUse);
    }
    await store.commit(each(creation('/users/2')));
    expect(await store.count(queryOf('users'))).toBe(2);
  });

  test('creates and locks the file again', async () => {
    const file = scratch.file();
    await scratch.open({ file });
    rmSync(`${file}.lock`);
    await expect.poll(() => existsSync(`${file}.lock`)).toBe(true);
    await expect(scratch.open({ file })).rejects.toBeInstanceOf(StoreInUse);
  });

  test('is written no more once its log was removed, loses nothing that was answered, and opens again', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await store.commit(each(creation('/users/1'), creation('/users/2')));
    rmSync(`${file}-wal`);
    await expect(store.commit(each(creation('/users/3')))).rejects.toThrow(StoreUnavailable);
    await expect(store.ping()).rejects.toThrow('a file of the database was removed');
    const { epoch } = store;
    await store.close();
    const again = await scratch.open({ file });
    expect(await again.count(queryOf('users'))).toBe(2);
    expect(again.epoch).toEqual(epoch);
  });

  test('is written no more once its log was found to be removed, also where there is another one', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await store.commit(each(creation('/users/1')));
    rmSync(`${file}-wal`);
    await expect(store.commit(each(creation('/users/2')))).rejects.toThrow(StoreUnavailable);
    writeFileSync(`${file}-wal`, '');
    await expect(store.commit(each(creation('/users/3')))).rejects.toThrow(StoreUnavailable);
  });

  test('is written no more once any request found that its log was replaced', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await store.commit(each(creation('/users/1')));
    replaceLog(file);
    await expect(store.prepare([])).rejects.toThrow(StoreUnavailable);
    await expect(store.commit(each(creation('/users/2')))).rejects.toThrow(StoreUnavailable);
  });

  test('is soon written no more once its log was replaced', async () => {
    const file = scratch.file();
    const store = await scratch.open({ file });
    await store.commit(each(creation('/users/1')));
    replaceLog(file);
    let written = 1;
    const writing = async () => {
      written += 1;
      await store.commit(each(creation(`/users/${written}`)));
      return 'written';
    };
    await expect.poll(() => writing().catch((error: Error) => error.name)).not.toBe('written');
    await expect(writing()).rejects.toThrow(StoreUnavailable);
  });
});
