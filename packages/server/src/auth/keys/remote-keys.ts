import { isJsonObject, type JsonObject } from '@really/protocol';
import type { FetchJson } from '../../platform/fetch-json.js';
import type { Log } from '../../platform/log.js';
import type { Counter } from '../../platform/metrics.js';
import type { Platform, Timer } from '../../platform/platform.js';
import { importJwk } from './import-key.js';
import { fits, KeyProblem, type TokenHeader, type VerifyingKey } from './verifying-key.js';

export interface RemoteKeysOptions {
  /** Where the keys are published: the URL, or what finds it out. */
  readonly url: string | (() => Promise<string>);
  readonly fetchJson: FetchJson;
  readonly platform: Platform;
  readonly log: Log;
  /** By `outcome`. */
  readonly fetches: Counter;
}

/** Milliseconds between two looks at whether keys were added or withdrawn. */
const renewEvery = 10 * 60_000;

/** Milliseconds from one look to the next. */
const pause = 1000;

/** Looks in vain that may follow one another, and milliseconds after which there may be one more. */
const maxFailedLookups = 3;
const failedLookupPause = 30_000;

/** Keys of one document; those beyond are not looked at. */
const mostKeys = 64;

/**
 * Keys that somebody else publishes as a JSON Web Key Set (rule AUT9). A token that names a key which
 * is not among them makes it look again, and waits a second at most for that; but whoever makes up names
 * can not make it look often. Where looking fails, the keys stay as they were.
 */
export class RemoteKeys {
  readonly #options: RemoteKeysOptions;
  #keys: readonly VerifyingKey[] = [];
  #published = '';
  #renewal: Promise<boolean> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** When all looks in vain are forgotten. */
  #restedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Looks now, and now and then from now on. */
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

  /** Looks again, unless it did a moment ago. Resolves with whether the keys are others now; never rejects. */
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
    const wait = this.#lookedAt + pause - clock.monotonic();
    if (wait > 0) await new Promise<void>((resolve) => timers.after(wait, resolve));
    this.#lookedAt = clock.monotonic();
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
      log.warn({ err: error }, 'the published keys could not be had; those known stay in use');
      this.#failedLookups();
      return false;
    }
  }

  #failedLookups(): void {
    const now = this.#options.platform.clock.monotonic();
    this.#restedAt = Math.max(this.#restedAt, now) + failedLookupPause;
  }

  /** Those that can be used. Secrets are not: what is published is none. */
  async #import(published: unknown): Promise<readonly VerifyingKey[]> {
    const listed = isJsonObject(published) ? published.keys : undefined;
    if (!Array.isArray(listed)) throw new KeyProblem('is no JSON Web Key Set');
    const keys: VerifyingKey[] = [];
    for (const jwk of listed.slice(0, mostKeys)) {
      if (isJsonObject(jwk) && jwk.kty !== 'oct') keys.push(...(await this.#usable(jwk)));
    }
    if (keys.length === 0) throw new KeyProblem('holds no key that can be used');
    return keys;
  }

  async #usable(jwk: JsonObject): Promise<VerifyingKey[]> {
    try {
      return [await importJwk(jwk)];
    } catch (error) {
      if (!(error instanceof KeyProblem)) throw error;
      this.#options.log.debug({ reason: error.message }, 'a published key is not used');
      return [];
    }
  }
}
