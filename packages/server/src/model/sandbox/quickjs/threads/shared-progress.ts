/**
 * Memory that a worker thread shares with the main thread: which call of its batch it has begun, and whether it has
 * ended. It is the only way to communicate with a thread that hangs in a built-in. Each call begins with the thread
 * taking its number; once the main thread has closed it, no further call of the batch can begin, and the main thread
 * knows which have not.
 */
export class SharedProgress {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer = new SharedArrayBuffer(3 * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Main thread, before a batch. */
  openBatch(): void {
    Atomics.store(this.#words, line, 0);
    Atomics.store(this.#words, ended, 0);
    Atomics.store(this.#words, begun, 0);
  }

  /** Worker: false if the batch was closed. */
  begin(index: number): boolean {
    return Atomics.compareExchange(this.#words, begun, index, index + 1) === index;
  }

  /** Worker. */
  end(index: number): void {
    Atomics.store(this.#words, ended, index + 1);
  }

  /** Worker: the present line of a traced call. */
  reach(at: number): void {
    Atomics.store(this.#words, line, at);
  }

  /** Main thread: how many calls have begun and ended. */
  get counts(): { readonly begun: number; readonly ended: number } {
    return {
      begun: Atomics.load(this.#words, begun),
      ended: Atomics.load(this.#words, ended),
    };
  }

  get line(): number | undefined {
    return Atomics.load(this.#words, line) || undefined;
  }

  /** Main thread: from now on no call of the batch begins. Returns how many have. */
  closeBatch(): number {
    for (;;) {
      const count = Atomics.load(this.#words, begun);
      if (Atomics.compareExchange(this.#words, begun, count, shut) === count) return count;
    }
  }
}

const begun = 0;
const ended = 1;
const line = 2;
const shut = -1;
