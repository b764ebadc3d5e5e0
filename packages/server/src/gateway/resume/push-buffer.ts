import type { Frame, ReplayPoint } from '../../live/push/frame.js';
import type { Limits } from '../../platform/limits.js';

/** Limits of the pushes kept per connection. */
type PushBufferLimits = Pick<Limits, 'resumePushes' | 'resumeBytes'>;

/** A push as it was sent. */
export type SentPush = Pick<Frame, 'bytes' | 'replayPoint'>;

/** Multiple of the frames kept for which at least the replay points are kept. */
const pointsPerFrame = 16;

/** Approximate bytes of memory. */
const bytesPerReference = 16;
const bytesPerPoint = 64;

/**
 * The last pushes of a connection, which a client that resumes may not have received. Frames are
 * shared with all other receivers, so that usually only a reference is kept. For older pushes only
 * the replay point is kept, so that they can be read again from the store; final pushes cannot, and
 * are kept whole.
 */
export class PushBuffer {
  readonly #limits: PushBufferLimits;
  #frames: Buffer[] = [];
  #bytes = 0;
  #total = 0;
  /** Replay points of the last pushes. */
  #replayPoints: (ReplayPoint | undefined)[] = [];
  /** Final pushes, which cannot be read again, with their numbers. */
  #finals: { readonly number: number; readonly push: SentPush }[] = [];
  #finalBytes = 0;
  /** Final pushes up to this number were dropped. */
  #finalsDroppedUpTo = 0;

  /** By subscription, the number of the last push that must not be sent again. */
  #outdated: Map<string, number> | undefined;
  /** The same for all subscriptions. */
  #allOutdated = 0;

  constructor(limits: PushBufferLimits) {
    this.#limits = limits;
  }

  /** Number of pushes since the connection began. */
  get total(): number {
    return this.#total;
  }

  /** A push without a replay point need not be sent again. */
  add({ bytes, replayPoint }: SentPush): void {
    this.#frames.push(bytes);
    this.#bytes += bytes.length;
    this.#total += 1;
    this.#addReplayPoint({ bytes, replayPoint });
    const { resumePushes, resumeBytes } = this.#limits;
    if (this.#frames.length <= resumePushes && this.#bytes <= resumeBytes) return;
    // Drops half of them at once, so that a push does not cost a shift.
    const kept = this.#frames.slice(Math.ceil(this.#frames.length / 2));
    this.#frames = kept;
    this.#bytes = kept.reduce((sum, frame) => sum + frame.length, 0);
  }

  /** The frames kept, which other buffers may share. */
  get buffers(): readonly Buffer[] {
    return [...this.#frames, ...this.#finals.map(({ push }) => push.bytes)];
  }

  /** Approximate bytes of memory of everything else. */
  get own(): number {
    const references = this.#frames.length + this.#finals.length;
    return references * bytesPerReference + this.#replayPoints.length * bytesPerPoint;
  }

  /** The pushes of this subscription so far must not be sent again. */
  outdate(key: string): void {
    if (this.#frames.length === 0) return;
    this.#outdated ??= new Map();
    this.#outdated.set(key, this.#total);
    if (this.#outdated.size <= this.#limits.resumePushes) return;
    // Too many to keep track of: all are read again from the store.
    this.#outdated = undefined;
    this.#allOutdated = this.#total;
  }

  /** True if a push of this subscription after the first `received` may be outdated. */
  isOutdated(key: string, received: number): boolean {
    return Math.max(this.#outdated?.get(key) ?? 0, this.#allOutdated) > received;
  }

  /** Number of pushes before the first one kept. */
  get before(): number {
    return this.#total - this.#frames.length;
  }

  /** The pushes after the first `received`; `undefined` if not all of them are kept. */
  after(received: number): readonly SentPush[] | undefined {
    const missed = this.#total - received;
    if (missed > this.#frames.length) return undefined;
    if (missed <= 0) return [];
    const replayPoints = this.#replayPoints.slice(-missed);
    return this.#frames
      .slice(-missed)
      .map((bytes, index) => ({ bytes, replayPoint: replayPoints[index] }));
  }

  /** All pushes kept. */
  get last(): readonly SentPush[] {
    return this.after(this.#total - this.#frames.length) ?? [];
  }

  /** The replay points after the first `received`, in order; `undefined` if not all are kept. */
  replayPointsAfter(received: number): readonly (ReplayPoint | undefined)[] | undefined {
    const missed = this.#total - received;
    return missed > this.#replayPoints.length ? undefined : this.#replayPoints.slice(-missed);
  }

  /** The final pushes after the first `received`; `undefined` if not all are kept. */
  finalsAfter(received: number): readonly SentPush[] | undefined {
    if (received < this.#finalsDroppedUpTo) return undefined;
    return this.#finals.filter(({ number }) => number > received).map(({ push }) => push);
  }

  #addReplayPoint(push: SentPush): void {
    const { resumePushes, resumeBytes } = this.#limits;
    this.#replayPoints.push(push.replayPoint);
    if (this.#replayPoints.length > resumePushes * pointsPerFrame) {
      this.#replayPoints = this.#replayPoints.slice(Math.ceil(this.#replayPoints.length / 2));
    }
    if (push.replayPoint?.kind !== 'final' && push.replayPoint?.kind !== 'notice') return;
    this.#finals.push({ number: this.#total, push });
    this.#finalBytes += push.bytes.length;
    if (this.#finals.length > resumePushes || this.#finalBytes > resumeBytes) this.#forgetFinal();
  }

  #forgetFinal(): void {
    const first = this.#finals.shift();
    if (!first) return;
    this.#finalsDroppedUpTo = first.number;
    this.#finalBytes -= first.push.bytes.length;
  }
}
