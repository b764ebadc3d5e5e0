import {
  type InputHolder,
  perPiece,
  type UnreadInput,
  worthCounting,
} from '../limits/unread-input.js';

/**
 * What one socket holds of its client's input, as rule LIM30 counts it: an incomplete message,
 * messages that wait for the session, and those with commands in flight. In bytes.
 */
export class HeldInput {
  readonly #holder: InputHolder;
  readonly #total: UnreadInput;
  /** Bytes that commands in flight hold. */
  readonly #inFlight: () => number;
  #unfinished = 0;
  #queued = 0;
  /** `inFlight` as last counted. */
  #inFlightCounted = 0;
  #isCounted = false;
  #isEnded = false;

  constructor(holder: InputHolder, total: UnreadInput, inFlight: () => number) {
    this.#holder = holder;
    this.#total = total;
    this.#inFlight = inFlight;
  }

  get unfinished(): number {
    return this.#unfinished;
  }

  /** A piece of a message. Returns whether there is enough of it to call `count`. */
  arrived(bytes: number): boolean {
    this.#unfinished += bytes + perPiece;
    return this.#unfinished >= worthCounting;
  }

  /** What arrived was a control frame, which is not kept. */
  controlFrame(bytes: number): void {
    this.#unfinished = Math.max(0, this.#unfinished - bytes - perPiece);
  }

  messageComplete(): void {
    const wasCounted = this.#unfinished >= worthCounting;
    this.#unfinished = 0;
    if (wasCounted) this.recount();
  }

  queue(bytes: number): void {
    const before = this.#queued;
    this.#queued += bytes + perPiece;
    if (Math.floor(before / worthCounting) < Math.floor(this.#queued / worthCounting)) this.count();
  }

  unqueue(bytes: number): void {
    this.#queued -= bytes + perPiece;
  }

  /** Nothing waits any longer. */
  emptyQueue(): void {
    this.#queued = 0;
  }

  /** Counts again where its commands hold nothing any more, or much more or less than before. */
  recountInFlight(): void {
    const bytes = this.#inFlight();
    const change = Math.abs(bytes - this.#inFlightCounted);
    if (change >= worthCounting || (bytes === 0 && change > 0)) this.recount();
  }

  /** The queue has become shorter. */
  recountIfCounted(): void {
    if (this.#isCounted) this.recount();
  }

  recount(): void {
    if (this.#isEnded) return;
    this.#inFlightCounted = this.#inFlight();
    this.count();
  }

  count(): void {
    const bytes = this.#unfinished + this.#queued + this.#inFlightCounted;
    this.#isCounted = bytes >= worthCounting;
    this.#total.set(this.#holder, bytes);
  }

  /** The socket closes: what is counted stays so until `release`. */
  end(): void {
    this.#queued = 0;
    this.#isEnded = true;
  }

  /** The socket has closed. */
  release(): void {
    this.#total.set(this.#holder, 0);
  }
}
