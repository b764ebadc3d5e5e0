import type { Rates } from '../../platform/limits.js';
import type { Clock } from '../../platform/platform.js';
import { networkOf } from '../server/address-network.js';

export interface IntakeRatesOptions
  extends Pick<Rates, 'bytes' | 'addressBytes' | 'bytesBeforeInitialize'> {
  readonly clock: Clock;
  /** Called when a client has to wait for the limit of this key. */
  readonly over: (key: IntakeKey) => void;
}

export type IntakeKey = 'rate.bytes' | 'rate.addressBytes' | 'rate.bytesBeforeInitialize';

/** Burst, in milliseconds of the rate. */
const window = 1000;
/** Burst of a socket before it is initialized: allows for some tokens. */
const greetingWindow = 4000;

/** Number of buckets from which full ones are looked for. */
const fewKeys = 1024;

/** Milliseconds between the turns of those who wait for the same rate. */
const turnTime = 1 / 8;

/**
 * Bytes received from a uid, address or socket. They are charged after they have arrived, so the
 * excess becomes debt; nothing more is read until it is paid off.
 */
export class IntakeBucket {
  /** Bytes per millisecond. */
  readonly #rate: number;
  readonly #window: number;
  #fullAt = 0;
  /** Connections that use it. */
  users = 0;
  #turn = 0;

  constructor(bytesPerSecond: number, time = window) {
    this.#rate = bytesPerSecond / 1000;
    this.#window = time;
  }

  pay(bytes: number, now: number): void {
    if (this.#rate > 0) this.#fullAt = Math.max(this.#fullAt, now) + bytes / this.#rate;
  }

  /** As `pay`, but no more than the rate of one window: those who share the bucket do not wait longer. */
  payShare(bytes: number, now: number): void {
    this.pay(Math.min(bytes, this.#rate * this.#window), now);
  }

  /** Time of the monotonic clock from which there is room; may be in the past. */
  get roomAt(): number {
    return this.#fullAt - this.#window;
  }

  /** A time from which there is room, another one for each of its users. */
  takeTurn(): number {
    this.#turn = this.#turn + 1 < this.users ? this.#turn + 1 : 0;
    return this.roomAt + this.#turn * turnTime;
  }

  isFull(now: number): boolean {
    return this.#fullAt <= now;
  }
}

/** Limits the bytes that a uid, an address and an uninitialized socket may send (rule LIM27). */
export class IntakeRates {
  readonly clock: Clock;
  readonly over: IntakeRatesOptions['over'];
  readonly #bytesBeforeInitialize: number;
  readonly #byUid: IntakeBuckets;
  readonly #byNetwork: IntakeBuckets;

  constructor(options: IntakeRatesOptions) {
    const { bytes, addressBytes, bytesBeforeInitialize, clock, over } = options;
    this.clock = clock;
    this.over = over;
    this.#bytesBeforeInitialize = bytesBeforeInitialize;
    this.#byUid = new IntakeBuckets(bytes, clock);
    this.#byNetwork = new IntakeBuckets(addressBytes, clock);
  }

  /** Uids and addresses with a state. */
  get size(): number {
    return this.#byUid.size + this.#byNetwork.size;
  }

  /** For one socket before it is initialized. */
  ofGreeting(): IntakeBucket {
    return new IntakeBucket(this.#bytesBeforeInitialize, greetingWindow);
  }

  /** For HTTP without a token: only the address pays. */
  ofAnonymous(): IntakeBucket {
    return new IntakeBucket(0);
  }

  /** Each needs a call to `leave`. */
  ofUid(uid: string): IntakeBucket {
    return this.#byUid.enter(uid);
  }

  /** Each needs a call to `leave`. */
  ofAddress(address: string): IntakeBucket {
    return this.#byNetwork.enter(networkOf(address));
  }

  leave(bucket: IntakeBucket): void {
    bucket.users -= 1;
  }
}

/** Buckets by key. Full ones without users are forgotten, so only recent senders have one. */
class IntakeBuckets {
  readonly #rate: number;
  readonly #clock: Clock;
  readonly #all = new Map<string, IntakeBucket>();
  #sweepAt = fewKeys;

  constructor(rate: number, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  get size(): number {
    return this.#all.size;
  }

  enter(key: string): IntakeBucket {
    const known = this.#all.get(key);
    const bucket = known ?? new IntakeBucket(this.#rate);
    bucket.users += 1;
    if (known) return known;
    this.#all.set(key, bucket);
    if (this.#all.size >= this.#sweepAt) this.#forget();
    return bucket;
  }

  #forget(): void {
    const now = this.#clock.monotonic();
    for (const [key, bucket] of this.#all) {
      if (bucket.users === 0 && bucket.isFull(now)) this.#all.delete(key);
    }
    this.#sweepAt = Math.max(fewKeys, this.#all.size * 2);
  }
}
