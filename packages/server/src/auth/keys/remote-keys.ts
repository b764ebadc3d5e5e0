import { isJsonObject, type JsonObject } from '@really/protocol';
import type { FetchJson } from '../../platform/fetch-json.js';
import type { Log } from '../../platform/log.js';
import type { Counter } from '../../platform/metrics.js';
import type { Platform, Timer } from '../../platform/platform.js';
import { importJwk } from './import-key.js';
import { fits, KeyProblem, type TokenHeader, type VerifyingKey } from './verifying-key.js';

export interface RemoteKeysOptions {
  /** The URL of the keys, or a function that finds it. */
  readonly url: string | (() => Promise<string>);
  readonly fetchJson: FetchJson;
  readonly platform: Platform;
  readonly log: Log;
  /** By `outcome`. */
  readonly fetches: Counter;
}

/** Milliseconds between regular fetches, which notice added and withdrawn keys. */
const renewEvery = 10 * 60_000;

/** Minimum milliseconds between two fetches. */
const pause = 1000;

/** Failed lookups allowed in a row, and the milliseconds after which another one is allowed. */
const maxFailedLookups = 3;
const failedLookupPause = 30_000;

/** Keys used of one document; further ones are ignored. */
const maxKeys = 64;

/**
 * Keys that somebody else publishes as a JSON Web Key Set (rule AUT9). A token with an unknown key
 * id triggers a fetch, and waits at most a second for it; made-up ids cannot trigger many fetches.
 * If a fetch fails, the known keys stay in use.
 */
export class RemoteKeys {
  readonly #options: RemoteKeysOptions;
  #keys: readonly VerifyingKey[] = [];
  #published = '';
  #renewal: Promise<boolean> | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  /** When all failed lookups are forgotten. */
  #restedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Fetches now and then regularly. */
  start(): void {
    this.#timer = this.#options.platform.timers.every(renewEvery, () => void this.#refreshIfDue());
    void this.#refreshIfDue();
  }

  close(): void {
    this.#timer?.cancel();
  }

  matching(header: TokenHeader): VerifyingKey[] {
    return this.#keys.filter((key) => fits(key, header));
  }

  /** Fetches, unless it just did. Resolves with whether the keys changed; never rejects. */
  async renew(): Promise<boolean> {
    if (this.#renewal) return await this.#renewal;
    const excess = this.#restedAt - this.#options.platform.clock.monotonic();
    if (excess > (maxFailedLookups - 1) * failedLookupPause) return false;
    return await this.#refreshIfDue();
  }

  #refreshIfDue(): Promise<boolean> {
    this.#renewal ??= this.#pause()
      .then(() => this.#fetch())
      .finally(() => {
        this.#renewal = undefined;
      });
    return this.#renewal;
  }

  async #pause(): Promise<void> {
    const { clock, timers } = this.#options.platform;
    const wait = this.#fetchedAt + pause - clock.monotonic();
    if (wait > 0) await new Promise<void>((resolve) => timers.after(wait, resolve));
    this.#fetchedAt = clock.monotonic();
  }

  async #fetch(): Promise<boolean> {
    const { url, fetchJson, log, fetches } = this.#options;
    try {
      const address = typeof url === 'string' ? url : await url();
      const published = await fetchJson(address);
      const text = JSON.stringify(published);
      const isNew = text !== this.#published;
      if (isNew) this.#keys = await this.#import(published);
      this.#published = text;
      fetches.add(1, isNew ? 'new' : 'same');
      if (!isNew) this.#failedLookups();
      return isNew;
    } catch (error) {
      fetches.add(1, 'failed');
      log.warn(
        { err: error },
        'the published keys could not be fetched; the known ones stay in use',
      );
      this.#failedLookups();
      return false;
    }
  }

  #failedLookups(): void {
    const now = this.#options.platform.clock.monotonic();
    this.#restedAt = Math.max(this.#restedAt, now) + failedLookupPause;
  }

  /** Imports the usable keys. Not secrets: a published secret is none. */
  async #import(published: unknown): Promise<readonly VerifyingKey[]> {
    const listed = isJsonObject(published) ? published.keys : undefined;
    if (!Array.isArray(listed)) throw new KeyProblem('is not a JSON Web Key Set');
    const keys: VerifyingKey[] = [];
    for (const jwk of listed.slice(0, maxKeys)) {
      if (isJsonObject(jwk) && jwk.kty !== 'oct') keys.push(...(await this.#usable(jwk)));
    }
    if (keys.length === 0) throw new KeyProblem('holds no usable key');
    return keys;
  }

  async #usable(jwk: JsonObject): Promise<VerifyingKey[]> {
    try {
      return [await importJwk(jwk)];
    } catch (error) {
      if (!(error instanceof KeyProblem)) throw error;
      this.#options.log.debug({ reason: error.message }, 'a published key is ignored');
      return [];
    }
  }
}
