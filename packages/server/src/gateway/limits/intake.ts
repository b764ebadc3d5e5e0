import {
  bytesPerMillisecond,
  controlPrice,
  type IntakeBucket,
  type IntakeRates,
} from './intake-rates.js';

/** What one socket or HTTP request costs, paid by its uid and its address; before a socket is initialized by itself and its address. */
export class Intake {
  readonly #rates: IntakeRates;
  readonly #ofAddress: IntakeBucket;
  #own: IntakeBucket;
  #isAdmitted = false;
  /** Until when nothing is read whatever was paid. */
  #pausedUntil = 0;
  /** Nothing more is taken for now. */
  isOver = false;

  constructor(rates: IntakeRates, address: string, own = rates.ofGreeting()) {
    this.#rates = rates;
    this.#ofAddress = rates.ofAddress(address);
    this.#own = own;
  }

  /** Of one HTTP request, whose uid is known or never will be. Who got one owes an `end`. */
  static ofRequest(
    rates: IntakeRates,
    { address, uid }: { readonly address: string; readonly uid: string | undefined },
  ): Intake {
    const intake = new Intake(rates, address, rates.ofNobody());
    if (uid !== undefined) intake.admit(uid);
    return intake;
  }

  /** When there is room again: a time of the monotonic clock. */
  get roomAt(): number {
    return Math.max(this.#own.roomAt, this.#ofAddress.roomAt, this.#pausedUntil);
  }

  /** So many bytes came in. */
  pay(bytes: number): void {
    const now = this.#rates.clock.monotonic();
    this.#own.pay(bytes, now);
    this.#ofAddress.pay(bytes, now);
    const wasOver = this.isOver;
    this.isOver = this.roomAt > now;
    if (this.isOver && !wasOver) this.#report(now);
  }

  /** A control frame came in, or a message of nobody: costs more than its bytes, which are paid already. */
  payExtra(): void {
    this.pay(controlPrice);
  }

  /** A message of so many bytes, paid already, took so many milliseconds to read: costs more where that was long. */
  payTime(bytes: number, time: number): void {
    const extra = time * bytesPerMillisecond - bytes;
    if (extra > 0) this.pay(extra);
  }

  /** Nothing more is taken for so many milliseconds. */
  pauseFor(time: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#rates.clock.monotonic() + time);
    this.isOver = true;
  }

  /** Looks again. */
  recheck(): boolean {
    this.isOver = this.roomAt > this.#rates.clock.monotonic();
    return this.isOver;
  }

  /** It is known now whose it is: they pay from now on, and nothing of before. */
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

  /** The socket is gone. */
  end(): void {
    this.#rates.leave(this.#ofAddress);
    if (this.#isAdmitted) this.#rates.leave(this.#own);
  }
}
