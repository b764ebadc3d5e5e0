import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IndexedWrites } from './indexed-writes.js';

interface FakeRequest {
  result?: unknown;
  error?: unknown;
  onsuccess?: () => void;
  onerror?: () => void;
}

/** A connection to it ends when the browser says so, or when it is closed. */
interface FakeConnection {
  isOpen: boolean;
  onversionchange?: () => void;
}

/** One store of IndexedDB: values by key, added ones by their `id`. */
class FakeIndexedDB {
  readonly connections: FakeConnection[] = [];
  readonly #values = new Map<string, unknown>();
  /** How often opening fails from now on. */
  failures = 0;
  /** The next transaction is done, and its connection ends before it says so. */
  isCutOff = false;

  open(): FakeRequest {
    const request: FakeRequest = {};
    queueMicrotask(() => {
      if (this.failures > 0) {
        this.failures -= 1;
        request.error = new DOMException('', 'UnknownError');
        request.onerror?.();
        return;
      }
      request.result = this.#connect();
      request.onsuccess?.();
    });
    return request;
  }

  #connect(): FakeConnection {
    const connection = {
      isOpen: true,
      close: () => {
        connection.isOpen = false;
      },
      transaction: () => {
        if (!connection.isOpen) throw new DOMException('', 'InvalidStateError');
        return this.#transaction(connection);
      },
    };
    this.connections.push(connection);
    return connection;
  }

  #transaction(connection: FakeConnection): object {
    let error: Error | undefined;
    const transaction = {
      error: undefined as Error | undefined,
      oncomplete: () => {},
      onabort: () => {},
      objectStore: () => ({
        get: (key: string) => ({ result: this.#values.get(key) }),
        put: (value: unknown, key: string) => ({ result: this.#values.set(key, value) }),
        add: (value: { readonly id: string }) => {
          if (this.#values.has(value.id)) error = new DOMException('', 'ConstraintError');
          return { result: this.#values.set(value.id, value) };
        },
      }),
    };
    queueMicrotask(() => {
      if (this.isCutOff) {
        connection.isOpen = false;
        error = new DOMException('', 'AbortError');
      }
      this.isCutOff = false;
      transaction.error = error;
      if (error) transaction.onabort();
      else transaction.oncomplete();
    });
    return transaction;
  }
}

let database: FakeIndexedDB;
let writes: IndexedWrites;
beforeEach(async () => {
  database = new FakeIndexedDB();
  vi.stubGlobal('indexedDB', database);
  writes = new IndexedWrites();
});
afterEach(() => vi.unstubAllGlobals());

const record = {
  ...{ id: 'w1', commands: [], isBatch: false, createdAt: 0, seen: [] },
  ...{ request: undefined, sentAt: undefined },
};

test('[TSC8] a database that the browser closed is opened again', async () => {
  await writes.setLastUid('board', 'amal');
  for (const connection of database.connections) connection.isOpen = false;
  expect(await writes.lastUid('board')).toBe('amal');
  expect(database.connections).toHaveLength(2);
});

test('[TSC8] so is one that was closed for a later version of the app', async () => {
  await writes.setLastUid('board', 'amal');
  database.connections[0]?.onversionchange?.();
  await Promise.resolve();
  expect(database.connections.map(({ isOpen }) => isOpen)).toEqual([false]);
  expect(await writes.lastUid('board')).toBe('amal');
});

test('[TSC8] that opening it failed is not remembered', async () => {
  database.failures = 2;
  await expect(writes.lastUid('board')).rejects.toThrow();
  await writes.setLastUid('board', 'amal');
  expect(await writes.lastUid('board')).toBe('amal');
  expect(database.connections).toHaveLength(1);
});

test('[TSC8] a write that was added before the connection ended is kept once', async () => {
  await writes.setLastUid('board', 'amal');
  database.isCutOff = true;
  await writes.add('board', 'amal', record);
  expect(database.connections).toHaveLength(2);
});
