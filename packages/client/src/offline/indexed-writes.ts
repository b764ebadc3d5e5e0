import type { WriteStorage } from './offline-platform.js';
import type { WriteRecord } from './write-record.js';

interface StoredWrite {
  readonly owner: string;
  readonly id: string;
  readonly record: WriteRecord;
}

const writes = 'writes';
const users = 'users';

/**
 * Writes in IndexedDB: a store of them in the order in which they were added, found by their owner (app
 * and uid) and by their id; and a store of the last uid of each app.
 */
export class IndexedWrites implements WriteStorage {
  readonly #name: string;
  #database: Promise<IDBDatabase> | undefined;

  constructor(name = 'really') {
    this.#name = name;
  }

  lastUid(app: string): Promise<string | undefined> {
    return this.#run(users, 'readonly', (store) => store.get(app));
  }

  setLastUid(app: string, uid: string): Promise<void> {
    return this.#run(users, 'readwrite', (store) => store.put(uid, app));
  }

  async load(app: string, uid: string): Promise<WriteRecord[]> {
    const stored: StoredWrite[] = await this.#run(writes, 'readonly', (store) =>
      store.index('owner').getAll(ownerOf(app, uid)),
    );
    return stored.map(({ record }) => record);
  }

  async add(app: string, uid: string, record: WriteRecord): Promise<void> {
    const stored: StoredWrite = { owner: ownerOf(app, uid), id: record.id, record };
    await this.#run(writes, 'readwrite', (store) => store.add(stored)).catch((error: Error) => {
      // The first try was lost after it had been done.
      if (error.name !== 'ConstraintError') throw error;
    });
  }

  put(record: WriteRecord): Promise<boolean> {
    return this.#at(record.id, (cursor) =>
      cursor.update({ ...(cursor.value as StoredWrite), record }),
    );
  }

  remove(id: string, onlyUnsent = false): Promise<boolean> {
    return this.#at(id, (cursor) => {
      const { sentAt } = (cursor.value as StoredWrite).record;
      return onlyUnsent && sentAt !== undefined ? undefined : cursor.delete();
    });
  }

  /** Resolves to whether it changed something. */
  async #at(
    id: string,
    change: (cursor: IDBCursorWithValue) => IDBRequest | undefined,
  ): Promise<boolean> {
    let changed: unknown;
    await this.#run(writes, 'readwrite', (store) => {
      const found = store.index('id').openCursor(id);
      found.onsuccess = () => {
        changed = found.result && change(found.result);
      };
      return found;
    });
    return Boolean(changed);
  }

  /**
   * Resolves with the result of the request when its transaction is complete: then it is on the disk. A browser may
   * close the database at any time: what fails is tried once more on a new connection.
   */
  #run<Result>(
    name: string,
    mode: IDBTransactionMode,
    begin: (store: IDBObjectStore) => IDBRequest,
  ): Promise<Result> {
    const run = async () => {
      this.#database ??= this.#open();
      return await transact<Result>(await this.#database, name, mode, begin);
    };
    return run().catch(() => {
      this.#forget();
      return run();
    });
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open(this.#name, 1);
      opening.onupgradeneeded = () => {
        const store = opening.result.createObjectStore(writes, { autoIncrement: true });
        store.createIndex('owner', 'owner');
        store.createIndex('id', 'id', { unique: true });
        opening.result.createObjectStore(users);
      };
      opening.onsuccess = () => {
        const database = opening.result;
        // A later version of the app, in another page, waits for this.
        database.onversionchange = () => this.#forget();
        resolve(database);
      };
      opening.onerror = () => reject(opening.error);
    });
  }

  /** The next step opens the database again. */
  #forget(): void {
    void this.#database?.then(
      (database) => database.close(),
      () => {},
    );
    this.#database = undefined;
  }
}

function transact<Result>(
  database: IDBDatabase,
  name: string,
  mode: IDBTransactionMode,
  begin: (store: IDBObjectStore) => IDBRequest,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, mode, { durability: 'strict' });
    const request = begin(transaction.objectStore(name));
    transaction.oncomplete = () => resolve(request.result as Result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** No uid is taken for another, whatever characters it has. */
function ownerOf(app: string, uid: string): string {
  return JSON.stringify([app, uid]);
}
