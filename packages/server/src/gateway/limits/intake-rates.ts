import type { Clock } from '../../platform/platform.js';
import { networkOf } from '../server/address-network.js';

export interface IntakeRatesOptions {
  /** Bytes per second of one uid, of one address, and of one socket before it is initialized; 0 is off. */
  readonly bytes: number;
  readonly address: number;
  readonly greeting: number;
  readonly clock: Clock;
  /** Somebody has to wait for the bound of this key. */
  readonly over: (key: IntakeKey) => void;
}

export type IntakeKey = 'rate.bytes' | 'rate.addressBytes' | 'rate.bytesBeforeInitialize';

/** Milliseconds of which the bytes may come at once after a rest. */
const window = 1000;
/** The same before a socket is initialized: room for some tokens. */
const greetingWindow = 4000;

/** Buckets that are kept before the first look for forgotten ones. */
const fewKeys = 1024;

/** What a ping, a pong, or a message before `initialize` costs beside its bytes, in bytes of other messages. */
export const controlPrice = 1024;

/** Bytes that a message counts at least for each millisecond that reading it took: some are made to take long. */
export const bytesPerMillisecond = 64 * 1024;

/**
 * What may come in of one uid, address or socket. It is paid once it is there, since nobody can ask for less, so that what is over
 * becomes a debt, and until it is paid off nothing more is read.
 */
export class IntakeBucket {
  /** Bytes per millisecond. */
  readonly #rate: number;
  readonly #window: number;
  #fullAt = 0;
  /** Connections that use it. */
  users = 0;

  constructor(bytesPerSecond: number, time = window) {
    this.#rate = bytesPerSecond / 1000;
    this.#window = time;
  }

  pay(bytes: number, now: number): void {
    if (this.#rate > 0) this.#fullAt = Math.max(this.#fullAt, now) + bytes / this.#rate;
  }

  /** When there is room: a time of the monotonic clock, which may be past. */
  get roomAt(): number {
    return this.#fullAt - this.#window;
  }

  isFull(now: number): boolean {
    return this.#fullAt <= now;
  }
}

/** How many bytes a uid, an address, and a socket that is not initialized may send (rule LIM27). */
export class IntakeRates {
  readonly #options: IntakeRatesOptions;
  readonly #byUid: IntakeBuckets;
  readonly #byNetwork: IntakeBuckets;

  constructor(options: IntakeRatesOptions) {
    const { bytes, address, clock } = options;
    this.#options = options;
    this.#byUid = new IntakeBuckets(bytes, clock);
    this.#byNetwork = new IntakeBuckets(address, clock);
  }

  /** Uids and addresses that are remembered. */
  get size(): number {
    return this.#byUid.size + this.#byNetwork.size;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  over(key: IntakeKey): void {
    this.#options.over(key);
  }

  /** Of one socket that nobody knows yet. */
  ofGreeting(): IntakeBucket {
    return new IntakeBucket(this.#options.greeting, greetingWindow);
  }

  /** Of what comes over HTTP without a token: there the address alone pays. */
  ofNobody(): IntakeBucket {
    return new IntakeBucket(0);
  }

  /** Who got one owes a `leave`. */
  ofUid(uid: string): IntakeBucket {
    return this.#byUid.enter(uid);
  }

  /** Who got one owes a `leave`. */
  ofAddress(address: string): IntakeBucket {
    return this.#byNetwork.enter(networkOf(address));
  }

  leave(bucket: IntakeBucket): void {
    bucket.users -= 1;
  }
}

/** Buckets by key. One that nobody uses is forgotten when it is full, so what is kept is bounded by who sends. */
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
