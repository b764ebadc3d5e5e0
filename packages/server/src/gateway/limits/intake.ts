import type { IntakeBucket, IntakeRates } from './intake-rates.js';

/** Price of a ping, a pong, or a message before `initialize` on top of its bytes, in bytes. */
const controlPrice = 1024;

/** Minimum price of a millisecond of parsing, in bytes: some messages are built to be slow. */
const bytesPerMillisecond = 64 * 1024;

/** Bytes of a message that are parsed in a millisecond at least, on a slow machine. */
const slowest = 1024;

/** Price of a member beyond the free ones: to check and store it takes longer than its bytes. */
const bytesPerMember = 1024;
/** A batch of a thousand objects with ten fields each pays only for its bytes and its commands. */
const freeMembers = 10_000;

export interface ParsingCost {
  readonly bytes: number;
  /** Milliseconds. */
  readonly time: number;
  /** Of all objects in it. */
  readonly members: number;
}

/** Charges input to its uid and address; before a socket is initialized, to it and its address. */
export class Intake {
  readonly #rates: IntakeRates;
  readonly #ofAddress: IntakeBucket;
  #own: IntakeBucket;
  #isAdmitted = false;
  #hasEnded = false;
  /** Nothing is read before this time, even without debt. */
  #pausedUntil = 0;
  /** True while nothing more is read. */
  isOver = false;

  constructor(rates: IntakeRates, address: string, own = rates.ofGreeting()) {
    this.#rates = rates;
    this.#ofAddress = rates.ofAddress(address);
    this.#own = own;
  }

  /** For one HTTP request, whose uid is known or will never be. Each needs a call to `end`. */
  static ofRequest(
    rates: IntakeRates,
    { address, uid }: { readonly address: string; readonly uid: string | undefined },
  ): Intake {
    const intake = new Intake(rates, address, rates.ofAnonymous());
    if (uid !== undefined) intake.admit(uid);
    return intake;
  }

  /** Time of the monotonic clock from which it may read again. */
  get roomAt(): number {
    return Math.max(this.#own.roomAt, this.#ofAddress.roomAt, this.#pausedUntil);
  }

  /** When to check again; each call gives another time, so that those who wait for the same rate do not all read at once. */
  takeTurn(): number {
    const later = this.#own.roomAt > this.#ofAddress.roomAt ? this.#own : this.#ofAddress;
    return Math.max(later.takeTurn(), this.#pausedUntil);
  }

  pay(bytes: number): void {
    const now = this.#rates.clock.monotonic();
    this.#own.pay(bytes, now);
    this.#ofAddress.payShare(bytes, now);
    this.#check(now);
  }

  /** Charges a control frame, or a message before initialization, on top of its bytes. */
  payExtra(): void {
    this.pay(controlPrice);
  }

  /**
   * Charges what a large message costs beyond its bytes, which are paid for already: the time in
   * milliseconds that parsing took, or its members if these cost more. No message takes longer than
   * `slowest`: that was something else.
   */
  payParsed({ bytes, time, members }: ParsingCost): void {
    const ofMembers = (members - freeMembers) * bytesPerMember;
    const ofTime = Math.min(time, bytes / slowest) * bytesPerMillisecond;
    const extra = Math.max(ofTime, ofMembers) - bytes;
    if (extra > 0) this.pay(extra);
  }

  /** Reads nothing for this many milliseconds. */
  pauseFor(time: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#rates.clock.monotonic() + time);
    this.isOver = true;
  }

  /** Checks again whether it may read. */
  recheck(): boolean {
    this.#check(this.#rates.clock.monotonic());
    return this.isOver;
  }

  #check(now: number): void {
    const wasOver = this.isOver;
    this.isOver = this.roomAt > now;
    if (this.isOver && !wasOver) this.#report(now);
  }

  /** The uid is known: it pays from now on, without the debt so far. */
  admit(uid: string): void {
    if (this.#isAdmitted) return;
    this.#isAdmitted = true;
    this.#own = this.#rates.ofUid(uid);
    this.recheck();
  }

  #report(now: number): void {
    if (this.#ofAddress.roomAt > now) this.#rates.over('rate.addressBytes');
    else this.#rates.over(this.#isAdmitted ? 'rate.bytes' : 'rate.bytesBeforeInitialize');
  }

  /** Nothing more is charged. Does nothing the second time. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#rates.leave(this.#ofAddress);
    if (this.#isAdmitted) this.#rates.leave(this.#own);
  }
}
