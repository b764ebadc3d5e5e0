import type { StoreConfig } from '../common-config.js';
import type { OnceRecord } from '../write-group.js';

interface RememberedKey {
  readonly record: OnceRecord;
  readonly at: number;
}

/** The once-keys of answered commands: the last ones of each uid, within the window. */
export class MemoryOnceKeys {
  readonly #config: StoreConfig;
  /** By uid, oldest first. */
  readonly #byUid = new Map<string, RememberedKey[]>();

  constructor(config: StoreConfig) {
    this.#config = config;
  }

  find(uid: string, id: string, now: number): OnceRecord | undefined {
    const kept = this.#byUid.get(uid) ?? [];
    return kept.find((entry) => entry.record.id === id && this.#isRecent(entry, now))?.record;
  }

  add(record: OnceRecord, now: number): void {
    const others = (this.#byUid.get(record.uid) ?? []).filter(
      (entry) => entry.record.id !== record.id && this.#isRecent(entry, now),
    );
    this.#byUid.set(record.uid, [...others, { record, at: now }].slice(-this.#config.onceKeep));
  }

  #isRecent(entry: RememberedKey, now: number): boolean {
    return now - entry.at < this.#config.onceWindow;
  }
}
