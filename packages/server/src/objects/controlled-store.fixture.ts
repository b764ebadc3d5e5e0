import type { Store } from '../store/store.js';
import { StoreUnavailable } from '../store/store-errors.js';
import type { GroupOutcome, WriteGroup } from '../store/write-group.js';

/** A store whose commits wait until a test releases them, and fail when a test wants them to. */
export interface ControlledStore extends Store {
  /** Makes commits wait from now on. */
  hold(): void;
  /** Lets waiting and later commits run. */
  release(): void;
  /** Resolves when a commit waits. */
  held(): Promise<void>;
  /** Makes the next commits reject, one per error. */
  failNext(...errors: Error[]): void;
  /** Reads of single objects reject while this is set. */
  unreadable: boolean;
  /** The Rs and revisions of each commit attempted, `/users/1@2`. */
  readonly commits: string[][];
}

export function controlled(store: Store): ControlledStore {
  const commits: string[][] = [];
  const failures: Error[] = [];
  let gate: { opened: Promise<void>; open: () => void } | undefined;
  let arrived: (() => void)[] = [];
  let waiting = 0;

  const commit = async (groups: readonly WriteGroup[]): Promise<GroupOutcome[]> => {
    const writes = groups.flatMap((group) => group.writes);
    commits.push(writes.map(({ change }) => `${change.r}@${change.rev}`));
    if (gate) {
      waiting += 1;
      for (const resolve of arrived) resolve();
      arrived = [];
      await gate.opened;
      waiting -= 1;
    }
    const failure = failures.shift();
    if (failure) throw failure;
    return await store.commit(groups);
  };

  const readable = () => {
    if (result.unreadable) throw new StoreUnavailable('unreadable');
  };

  const result: ControlledStore = {
    isSoleWriter: store.isSoleWriter,
    epoch: store.epoch,
    prepare: (collections) => store.prepare(collections),
    restore: (entries, newest) => store.restore(entries, newest),
    query: (query) => store.query(query),
    count: (query) => store.count(query),
    history: (...asked) => store.history(...asked),
    created: (...asked) => store.created(...asked),
    changes: (...asked) => store.changes(...asked),
    outdated: (names, version, after, limit) => store.outdated(names, version, after, limit),
    countOutdated: (names, version) => store.countOutdated(names, version),
    migrate: (objects) => store.migrate(objects),
    migrated: (names, version) => store.migrated(names, version),
    mistyped: (names, types) => store.mistyped(names, types),
    dependents: (...asked) => store.dependents(...asked),
    position: () => store.position(),
    latestChangeTime: () => store.latestChangeTime(),
    once: (uid, id) => store.once(uid, id),
    ping: () => store.ping(),
    close: () => store.close(),
    async get(r) {
      readable();
      return await store.get(r);
    },
    async getMany(rs) {
      readable();
      return await store.getMany(rs);
    },
    async areLiving(rs) {
      readable();
      return await store.areLiving(rs);
    },
    commit,
    commits,
    unreadable: false,
    hold() {
      let open = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      gate = { opened, open };
    },
    release() {
      gate?.open();
      gate = undefined;
    },
    async held() {
      if (waiting === 0) await new Promise<void>((resolve) => arrived.push(resolve));
    },
    failNext(...errors) {
      failures.push(...errors);
    },
  };
  return result;
}
