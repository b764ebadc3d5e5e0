import type { Frame, ReplayPoint } from '../../live/push/frame.js';

/** What is kept of each connection's pushes. */
export interface PushBufferLimits {
  readonly count: number;
  readonly bytes: number;
}

/** A push as it was sent. */
export type SentPush = Pick<Frame, 'bytes' | 'replayPoint'>;

/** Of so many times as many pushes as are kept whole their places are known. */
const placesPerFrame = 16;

/** Bytes of memory, about. */
const bytesPerReference = 16;
const bytesPerPlace = 64;

/**
 * The last pushes of a connection: those that a client which comes back may not have got. Frames are shared
 * with whoever else got them, so that mostly a reference is all that is kept. Of more of them it is known what they
 * were about, so that what is missing can be told again; and what will not come again is kept whole.
 */
export class PushBuffer {
  readonly #limits: PushBufferLimits;
  #frames: Buffer[] = [];
  #bytes = 0;
  #total = 0;
  /** Of the last pushes. */
  #places: (ReplayPoint | undefined)[] = [];
  /** What will not come again, with the number that it had. */
  #finals: { readonly number: number; readonly push: SentPush }[] = [];
  #finalBytes = 0;
  /** Up to this number finals were forgotten. */
  #finalsDroppedUpTo = 0;

  /** By subscription, the number of the last push that must not be sent again. */
  #outdated: Map<string, number> | undefined;
  /** The same, of all subscriptions. */
  #allOutdated = 0;

  constructor(limits: PushBufferLimits) {
    this.#limits = limits;
  }

  /** How many there were, from the first one on. */
  get total(): number {
    return this.#total;
  }

  /** Without a place it is one that nobody misses. */
  add({ bytes, replayPoint }: SentPush): void {
    this.#frames.push(bytes);
    this.#bytes += bytes.length;
    this.#total += 1;
    this.#addPlace({ bytes, replayPoint });
    const { count, bytes: most } = this.#limits;
    if (this.#frames.length <= count && this.#bytes <= most) return;
    // Half of them at once, so that a push costs no shift.
    const kept = this.#frames.slice(Math.ceil(this.#frames.length / 2));
    this.#frames = kept;
    this.#bytes = kept.reduce((sum, one) => sum + one.length, 0);
  }

  /** What is kept whole: others may hold the same. */
  get buffers(): readonly Buffer[] {
    return [...this.#frames, ...this.#finals.map(({ push }) => push.bytes)];
  }

  /** Bytes of memory that the rest takes, about. */
  get own(): number {
    const references = this.#frames.length + this.#finals.length;
    return references * bytesPerReference + this.#places.length * bytesPerPlace;
  }

  /** The pushes of this subscription so far must not be sent again. */
  outdate(key: string): void {
    if (this.#frames.length === 0) return;
    this.#outdated ??= new Map();
    this.#outdated.set(key, this.#total);
    if (this.#outdated.size <= this.#limits.count) return;
    // Of so many it is not worth the memory to know which: they are told again from what is stored.
    this.#outdated = undefined;
    this.#allOutdated = this.#total;
  }

  /** Whether a push of this subscription after the first `received` may be one that must not be sent again. */
  isOutdated(key: string, received: number): boolean {
    return Math.max(this.#outdated?.get(key) ?? 0, this.#allOutdated) > received;
  }

  /** How many went before the first of those that are left. */
  get before(): number {
    return this.#total - this.#frames.length;
  }

  /** Those after the first `received`; `undefined` where they are not all there any more. */
  after(received: number): readonly SentPush[] | undefined {
    const missed = this.#total - received;
    if (missed > this.#frames.length) return undefined;
    if (missed <= 0) return [];
    const places = this.#places.slice(-missed);
    return this.#frames
      .slice(-missed)
      .map((bytes, index) => ({ bytes, replayPoint: places[index] }));
  }

  /** All that are left. */
  get last(): readonly SentPush[] {
    return this.after(this.#total - this.#frames.length) ?? [];
  }

  /** The places of those after the first `received`, in order; `undefined` where they are not all known any more. */
  placesAfter(received: number): readonly (ReplayPoint | undefined)[] | undefined {
    const missed = this.#total - received;
    return missed > this.#places.length ? undefined : this.#places.slice(-missed);
  }

  /** Of those after the first `received`, what will not come again; `undefined` where that is not all there any more. */
  finalsAfter(received: number): readonly SentPush[] | undefined {
    if (received < this.#finalsDroppedUpTo) return undefined;
    return this.#finals.filter(({ number }) => number > received).map(({ push }) => push);
  }

  #addPlace(push: SentPush): void {
    const { count, bytes } = this.#limits;
    this.#places.push(push.replayPoint);
    if (this.#places.length > count * placesPerFrame) {
      this.#places = this.#places.slice(Math.ceil(this.#places.length / 2));
    }
    if (push.replayPoint?.kind !== 'final' && push.replayPoint?.kind !== 'notice') return;
    this.#finals.push({ number: this.#total, push });
    this.#finalBytes += push.bytes.length;
    if (this.#finals.length > count || this.#finalBytes > bytes) this.#forgetFinal();
  }

  #forgetFinal(): void {
    const first = this.#finals.shift();
    if (!first) return;
    this.#finalsDroppedUpTo = first.number;
    this.#finalBytes -= first.push.bytes.length;
  }
}
