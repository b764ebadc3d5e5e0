import type { ClientPlatform } from '../client-platform.js';
import { ReallyError } from '../really-error.js';
import type { ClientWrite } from '../writes/client-write.js';
import type { KeptQueue, WriteEnding, WriteKeeper } from '../writes/write-keeper.js';
import { IndexedWrites } from './indexed-writes.js';
import { type OfflinePlatform, offlinePlatform, type PageMessage } from './offline-platform.js';
import { PageWrites } from './page-writes.js';
import { type RecordedEnding, recordedEnding, recordOf, type WriteRecord } from './write-record.js';

export interface OfflineOptions {
  /** Tells apps of one origin apart. Pages that give the same one share their writes. */
  readonly app: string;
  /** In place of IndexedDB, Web Locks and the BroadcastChannel of this page: for tests. */
  readonly platform?: OfflinePlatform | undefined;
}

/**
 * Keeps the writes of a client in IndexedDB, where they survive a reload, and has one page of the app
 * send those of all: `new Really(url, { token, offline: offline({ app: 'board' }) })`. Make one for each
 * client. Rule TSC8.
 */
export function offline(options: OfflineOptions): WriteKeeper {
  return new OfflineWrites(options);
}

const unknownEnding: RecordedEnding = {
  state: 'uncertain',
  error: { code: 0, message: 'write.uncertain', retry: 'never' },
};

/** Milliseconds until the storage is tried again where it could not note that a write is sent. */
const markPause = 2_000;

class OfflineWrites implements WriteKeeper {
  readonly #app: string;
  readonly #platform: OfflinePlatform;
  readonly #channel: ReturnType<OfflinePlatform['join']>;
  #writes: PageWrites | undefined;
  #page: ClientPlatform | undefined;
  /** Whose writes are kept: of the session, or of the last one on this device. */
  #uid: string | undefined;
  /** By id, what lets go on what was made before that was known. */
  readonly #early = new Map<string, () => void>();
  #isSender = false;
  #giveLockBack: (() => void) | undefined;
  /** What is being added to the storage, and has not ended meanwhile. */
  readonly #adding = new Set<string>();
  /** What is in the storage, as far as this page knows. */
  readonly #stored = new Set<string>();
  /** What ended since the load began that is under way. */
  #endedMeanwhile: Set<string> | undefined;
  /** Changes of the storage one after the other, so that an end does not come before its begin. */
  #last: Promise<unknown> = Promise.resolve();

  constructor({ app, platform = offlinePlatform(new IndexedWrites()) }: OfflineOptions) {
    this.#app = app;
    this.#platform = platform;
    this.#channel = platform.join(`really:${app}`, (message) => this.#receive(message));
  }

  get isSender(): boolean {
    return this.#isSender;
  }

  start(queue: KeptQueue): void {
    this.#writes = new PageWrites(queue);
    this.#page = queue.platform;
    const { storage } = this.#platform;
    void this.#inTurn(() => storage.lastUid(this.#app)).then(async (uid) => {
      // A session was faster.
      if (uid === undefined || this.#uid !== undefined) return;
      this.#useUid(uid);
      // Whose writes wait here is known from now on, whether there are any or not.
      queue.takesOf(uid);
      await this.#load(uid);
    }, ignore);
  }

  session(uid: string | undefined): void {
    this.#giveLockBack?.();
    this.#giveLockBack = undefined;
    this.#isSender = false;
    if (uid === undefined) return;
    this.#useUid(uid);
    void this.#inTurn(() => this.#platform.storage.setLastUid(this.#app, uid)).catch(ignore);
    const giveBack = this.#platform.lock(`really:${this.#app}:${uid}`, () => {
      void this.#takeOver(uid, () => this.#giveLockBack === giveBack);
    });
    this.#giveLockBack = giveBack;
  }

  /** `isMine`: whether this page has the lock still. */
  async #takeOver(uid: string, isMine: () => boolean): Promise<void> {
    // What another page sent and did not say any more is in the storage.
    const present = await this.#load(uid).catch(ignore);
    if (!isMine()) return;
    if (present) this.#endMissing(present);
    this.#isSender = true;
    this.#writes?.takeOver();
  }

  add(write: ClientWrite): Promise<void> {
    write.isKept = true;
    write.isInDoubt = !this.#isSender;
    const { id } = write;
    this.#adding.add(id);
    const kept = this.#keep(recordOf(write, undefined))
      .catch((cause: unknown) => {
        if (this.#adding.has(id)) this.#writes?.letGo(write);
        const r = write.commands[0]?.r;
        throw new ReallyError({ code: 0, message: 'not.kept', r, retry: 'never', cause });
      })
      .finally(() => this.#adding.delete(id));
    kept.catch(ignore);
    return kept;
  }

  async #keep(record: WriteRecord): Promise<void> {
    const { id } = record;
    if (this.#uid === undefined) await new Promise<void>((go) => this.#early.set(id, go));
    // Ended before there was anywhere to keep it.
    if (!this.#adding.has(id)) return Promise.reject();
    const uid = this.#uid ?? '';
    await this.#inTurn(() => this.#platform.storage.add(this.#app, uid, record));
    // Its end removes it after that.
    if (!this.#adding.has(id)) return;
    this.#stored.add(id);
    this.#channel.post({ kind: 'added', uid, record });
  }

  async mark(write: ClientWrite): Promise<boolean> {
    const isThere = await this.#put(recordOf(write, this.#page?.now() ?? 0)).catch(ignore);
    // What could not be kept is known to this page alone.
    if (isThere || !write.isKept) return true;
    await new Promise<void>((go) => this.#page?.setTimer(markPause, go));
    if (isThere === false) this.#settle(write.id, unknownEnding);
    return false;
  }

  async takeBack({ id }: ClientWrite): Promise<boolean> {
    this.#adding.delete(id);
    if (this.#uid === undefined) return true;
    return await this.#inTurn(() => this.#platform.storage.remove(id, true)).catch(() => false);
  }

  rebased(writes: Iterable<ClientWrite>): void {
    if (!this.#isSender) return;
    for (const write of writes) {
      if (write.isKept && !write.request) this.#put(recordOf(write, undefined)).catch(ignore);
    }
  }

  #put(record: WriteRecord): Promise<boolean> {
    return this.#inTurn(() => this.#platform.storage.put(record));
  }

  end({ id }: ClientWrite, ending: WriteEnding): void {
    const tell = () => this.#channel.post({ kind: 'ended', id, ending: recordedEnding(ending) });
    tell();
    this.#forget(id);
    // Again for a page that opened meanwhile, and found it.
    void this.#inTurn(() => this.#platform.storage.remove(id)).then(tell, tell);
  }

  close(): void {
    this.session(undefined);
    for (const id of this.#early.keys()) this.#forget(id);
    // After what is still to be told.
    void this.#inTurn(async () => this.#channel.close());
  }

  #useUid(uid: string): void {
    if (this.#uid !== uid) this.#stored.clear();
    this.#uid = uid;
    for (const go of this.#early.values()) go();
    this.#early.clear();
  }

  #receive(message: PageMessage): void {
    if (message.kind === 'ended') this.#settle(message.id, message.ending);
    else if (message.uid === this.#uid) {
      this.#writes?.adopt(message.uid, message.record, this.#stored);
      this.#stored.add(message.record.id);
      if (this.#isSender) this.#writes?.takeOver();
    }
  }

  #settle(id: string, ending: RecordedEnding): void {
    this.#forget(id);
    this.#writes?.settle(id, ending);
  }

  /** It has ended: it is not kept any more, nor told to other pages from now on. */
  #forget(id: string): void {
    this.#endedMeanwhile?.add(id);
    this.#adding.delete(id);
    this.#stored.delete(id);
    this.#early.get(id)?.();
  }

  /** Returns the ids of what is there, unless it is of another user by now. */
  #load(uid: string): Promise<Set<string> | undefined> {
    const load = async () => {
      const ended = new Set<string>();
      this.#endedMeanwhile = ended;
      const records = await this.#platform.storage.load(this.#app, uid);
      if (this.#uid !== uid) return undefined;
      const present = new Set<string>();
      for (const record of records) {
        if (ended.has(record.id)) continue;
        this.#stored.add(record.id);
        this.#writes?.adopt(uid, record, present);
        present.add(record.id);
      }
      return present;
    };
    return this.#inTurn(load).finally(() => {
      this.#endedMeanwhile = undefined;
    });
  }

  /** Another page has ended them, and its word did not arrive: this page was frozen, for example. */
  #endMissing(present: ReadonlySet<string>): void {
    for (const id of this.#stored) {
      if (!present.has(id)) this.#settle(id, unknownEnding);
    }
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run);
    this.#last = result.catch(ignore);
    return result;
  }
}

/** Storage that fails, in a private window or on a full disk, leaves the writes in the page alone. */
function ignore(): undefined {}
