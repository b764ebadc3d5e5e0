import { afterEach, beforeEach, expect } from 'vitest';
import type { Platform } from '../../platform/platform.js';
import { type SimulatedPlatform, simulatedPlatform } from '../../platform/simulated.js';
import type { MemoryConfig } from '../memory/config.js';
import type { Store, StoredObject, Write, WriteOutcome } from '../store.js';

/** Opens an empty store. `close` closes it and takes away what it left. */
export type OpenStore = (
  config: Partial<MemoryConfig>,
  platform: Platform,
) => Promise<{ store: Store; close: () => Promise<void> }>;

/** A store for each test of a suite, with what tests do to it. */
export class StoreUnderTest {
  #store: Store | undefined;
  #platform: SimulatedPlatform | undefined;

  get store(): Store {
    if (!this.#store) throw new Error('only inside of a test');
    return this.#store;
  }

  get platform(): SimulatedPlatform {
    if (!this.#platform) throw new Error('only inside of a test');
    return this.#platform;
  }

  /** Every test of the suite around gets a store of its own. */
  static each(open: OpenStore, config: Partial<MemoryConfig> = {}): StoreUnderTest {
    const subject = new StoreUnderTest();
    let close: () => Promise<void> = async () => {};
    beforeEach(async () => {
      subject.#platform = simulatedPlatform({ seed: 1 });
      ({ store: subject.#store, close } = await open(config, subject.platform));
    });
    afterEach(async () => await close());
    return subject;
  }

  /** Commits writes that have to succeed. */
  async commit(...writes: Write[]): Promise<number[]> {
    const outcomes = await this.store.commit(writes);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(writes.map(() => 'committed'));
    return outcomes.map((outcome) => (outcome.kind === 'committed' ? outcome.pos : 0));
  }

  async outcome(write: Write): Promise<WriteOutcome | undefined> {
    const [outcome] = await this.store.commit([write]);
    return outcome;
  }

  /** The object as stored, which has to be there. */
  async object(r: string): Promise<StoredObject> {
    const object = await this.store.get(r);
    if (!object) throw new Error(`there is no ${r}`);
    return object;
  }
}
