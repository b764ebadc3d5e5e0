import type { Frame } from '../../live/push/frame.js';

/** Bytes of pushes that may be held; beyond it the connection counts as congested. */
const maxHeldBytes = 256 * 1024;

/**
 * Pushes of one connection that wait for the responses to its own writes (rule ONC6). Each push
 * waits for the writes that were on disk when it came and not for later ones, so that a client that
 * writes without a pause still receives pushes. Their order is kept.
 */
export class HeldPushes {
  readonly #send: (frame: Frame) => void;
  /** Numbers of the unanswered writes, in order. */
  readonly #unanswered = new Set<number>();
  #last = 0;
  #held: { readonly frame: Frame; readonly after: number }[] = [];
  #bytes = 0;

  constructor(send: (frame: Frame) => void) {
    this.#send = send;
  }

  get congested(): boolean {
    return this.#bytes > maxHeldBytes;
  }

  push(frame: Frame): void {
    if (this.#unanswered.size === 0) {
      this.#send(frame);
      return;
    }
    this.#held.push({ frame, after: this.#last });
    this.#bytes += frame.bytes.length;
  }

  /** A write is on disk. Call the returned function when it is answered. */
  hold(): () => void {
    const write = ++this.#last;
    this.#unanswered.add(write);
    return () => {
      if (this.#unanswered.delete(write)) this.#release();
    };
  }

  /** Takes all held pushes; none will be sent here any more. */
  takeAll(): readonly Frame[] {
    const held = this.#held;
    this.#held = [];
    this.#bytes = 0;
    return held.map(({ frame }) => frame);
  }

  #release(): void {
    if (this.#held.length === 0) return;
    const [oldest = Number.POSITIVE_INFINITY] = this.#unanswered;
    const stays = this.#held.findIndex(({ after }) => after >= oldest);
    const gone = this.#held.splice(0, stays < 0 ? this.#held.length : stays);
    for (const { frame } of gone) this.#bytes -= frame.bytes.length;
    for (const { frame } of gone) this.#send(frame);
  }
}
