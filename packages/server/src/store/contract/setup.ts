import { afterEach, beforeEach, expect } from 'vitest';
import type { Platform } from '../../platform/platform.js';
import { type SimulatedPlatform, simulatedPlatform } from '../../platform/simulated.js';
import type { StoreConfig } from '../common-config.js';
import type { ExportReader } from '../export-reader.js';
import type { Store } from '../store.js';
import type { StoredObject } from '../stored-object.js';
import type { GroupOutcome, OnceKey, Write, WriteGroup, WriteRefusal } from '../write-group.js';
import { alone, each } from './sample-writes.js';

/** Opens an empty store and its export reader. `close` closes it and removes its files. */
export type OpenStore = (
  config: Partial<StoreConfig>,
  platform: Platform,
) => Promise<{ store: Store; reader: ExportReader; close: () => Promise<void> }>;

type Opened = Awaited<ReturnType<OpenStore>> & { readonly platform: SimulatedPlatform };

type PublishedChange = Exclude<GroupOutcome, { kind: 'refused' }> | WriteRefusal;

export function published(outcome: GroupOutcome): PublishedChange {
  return outcome.kind === 'refused' ? outcome.refusal : outcome;
}

/** A store for each test of a suite, with helpers. */
export class StoreUnderTest {
  #opened: Opened | undefined;

  get store(): Store {
    return this.#open.store;
  }

  get reader(): ExportReader {
    return this.#open.reader;
  }

  get platform(): SimulatedPlatform {
    return this.#open.platform;
  }

  get #open(): Opened {
    if (!this.#opened) throw new Error('only inside of a test');
    return this.#opened;
  }

  /** Gives every test of the enclosing suite its own store. */
  static each(open: OpenStore, config: Partial<StoreConfig> = {}): StoreUnderTest {
    const subject = new StoreUnderTest();
    beforeEach(async () => {
      const platform = simulatedPlatform({ seed: 1 });
      subject.#opened = { ...(await open(config, platform)), platform };
    });
    afterEach(async () => await subject.#open.close());
    return subject;
  }

  /** Commits writes, each a group of its own, that must succeed. */
  async commit(...writes: Write[]): Promise<number[]> {
    const outcomes = await this.store.commit(each(...writes));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(writes.map(() => 'committed'));
    return outcomes.flatMap((outcome) => (outcome.kind === 'committed' ? outcome.positions : []));
  }

  /** The outcome of one write; for a refusal the reason. */
  async outcome(write: Write, once?: OnceKey): Promise<PublishedChange | undefined> {
    const [outcome] = await this.outcomes(alone(write, once));
    return outcome;
  }

  /** As `outcome`, for groups, without the index of the refused write. */
  async outcomes(...groups: readonly WriteGroup[]): Promise<PublishedChange[]> {
    return (await this.store.commit(groups)).map(published);
  }

  /** The stored object, which must exist. */
  async object(r: string): Promise<StoredObject> {
    const object = await this.store.get(r);
    if (!object) throw new Error(`there is no ${r}`);
    return object;
  }
}
