import { afterEach, beforeEach, expect } from 'vitest';
import type { Platform } from '../../platform/platform.js';
import { type SimulatedPlatform, simulatedPlatform } from '../../platform/simulated.js';
import type { ExportReader } from '../export-reader.js';
import type { MemoryConfig } from '../memory/config.js';
import type {
  GroupOutcome,
  OnceKey,
  Store,
  StoredObject,
  Write,
  WriteGroup,
  WriteRefusal,
} from '../store.js';
import { alone, each } from './sample-writes.js';

/** Opens an empty store, and what reads all of it. `close` closes it and takes away what it left. */
export type OpenStore = (
  config: Partial<MemoryConfig>,
  platform: Platform,
) => Promise<{ store: Store; reader: ExportReader; close: () => Promise<void> }>;

type PublishedChange = Exclude<GroupOutcome, { kind: 'refused' }> | WriteRefusal;

export function published(outcome: GroupOutcome): PublishedChange {
  return outcome.kind === 'refused' ? outcome.refusal : outcome;
}

/** A store for each test of a suite, with what tests do to it. */
export class StoreUnderTest {
  #store: Store | undefined;
  #reader: ExportReader | undefined;
  #platform: SimulatedPlatform | undefined;

  get store(): Store {
    if (!this.#store) throw new Error('only inside of a test');
    return this.#store;
  }

  get reader(): ExportReader {
    if (!this.#reader) throw new Error('only inside of a test');
    return this.#reader;
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
      const opened = await open(config, subject.platform);
      ({ store: subject.#store, reader: subject.#reader, close } = opened);
    });
    afterEach(async () => await close());
    return subject;
  }

  /** Commits writes, each a group of its own, that have to succeed. */
  async commit(...writes: Write[]): Promise<number[]> {
    const outcomes = await this.store.commit(each(...writes));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(writes.map(() => 'committed'));
    return outcomes.flatMap((outcome) => (outcome.kind === 'committed' ? outcome.positions : []));
  }

  /** What becomes of one write: why it was refused, where it was. */
  async outcome(write: Write, once?: OnceKey): Promise<PublishedChange | undefined> {
    const [outcome] = await this.outcomes(alone(write, once));
    return outcome;
  }

  /** As `outcome`, of groups: which of their writes was refused is left out. */
  async outcomes(...groups: readonly WriteGroup[]): Promise<PublishedChange[]> {
    return (await this.store.commit(groups)).map(published);
  }

  /** The object as stored, which has to be there. */
  async object(r: string): Promise<StoredObject> {
    const object = await this.store.get(r);
    if (!object) throw new Error(`there is no ${r}`);
    return object;
  }
}
