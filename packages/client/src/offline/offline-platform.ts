import type { RecordedEnding, WriteRecord } from './write-record.js';

/** Writes on the device: by app and uid, in the order in which they were made. */
export interface WriteStorage {
  /** The uid that used the app last on this device. */
  lastUid(app: string): Promise<string | undefined>;
  setLastUid(app: string, uid: string): Promise<void>;
  load(app: string, uid: string): Promise<WriteRecord[]>;
  /** After all that are there. */
  add(app: string, uid: string, record: WriteRecord): Promise<void>;
  /** In its place. Resolves to whether it is there still. */
  put(record: WriteRecord): Promise<boolean>;
  /** `onlyUnsent`: not where it may have been sent. Resolves to whether it was removed. */
  remove(id: string, onlyUnsent?: boolean): Promise<boolean>;
}

/** What the pages of an app tell one another. */
export type PageMessage =
  | { readonly kind: 'added'; readonly uid: string; readonly record: WriteRecord }
  | { readonly kind: 'ended'; readonly id: string; readonly ending: RecordedEnding };

/** What connects the pages of an app on this device. Tests replace it. */
export interface OfflinePlatform {
  readonly storage: WriteStorage;
  /**
   * Calls `granted` once nobody else has the lock, which is then held. Returns what gives it back, or
   * ends the wait for it.
   */
  lock(name: string, granted: () => void): () => void;
  /** Hears what other pages say on a channel. */
  join(
    name: string,
    listen: (message: PageMessage) => void,
  ): { post(message: PageMessage): void; close(): void };
}

/** IndexedDB, Web Locks and a BroadcastChannel. */
export function offlinePlatform(storage: WriteStorage): OfflinePlatform {
  return {
    storage,
    lock(name, granted) {
      const waiting = new AbortController();
      const withoutLock = () => {
        if (!waiting.signal.aborted) granted();
      };
      // Without a secure context there are no locks: then each page sends.
      const locks = navigator.locks as LockManager | undefined;
      if (!locks) queueMicrotask(withoutLock);
      let giveBack = () => waiting.abort();
      locks
        ?.request(name, { signal: waiting.signal }, () => {
          const held = new Promise<void>((resolve) => {
            giveBack = resolve;
          });
          granted();
          return held;
        })
        // Given up while it waited, or the page may have no locks.
        .catch(withoutLock);
      return () => giveBack();
    },
    join(name, listen) {
      const channel = new BroadcastChannel(name);
      channel.onmessage = ({ data }) => listen(data as PageMessage);
      return {
        post: (message) => channel.postMessage(message),
        close: () => channel.close(),
      };
    },
  };
}
