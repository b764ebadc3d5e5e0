/**
 * Price of a byte of the headers of needless fragments, on top of that byte: a frame without payload
 * takes as long as 40 bytes of a message, and has six.
 */
const headerPrice = 8;

/** Of a client's frame without payload, with its mask. */
const shortHeader = 6;

/**
 * Finds out how many bytes of a client's input are headers of frames that nobody needs: `ws` does
 * not tell of the fragments of a message, which may be many and empty. A message in one frame has
 * none.
 */
export class FrameHeaders {
  /** Of a byte. */
  readonly price = headerPrice;
  /** Bytes of earlier chunks that belong to no frame so far. */
  #rest = 0;
  /** Of the current chunk, of which the end is not parsed yet. */
  #chunk = 0;

  arrived(bytes: number): void {
    this.#rest += this.#chunk;
    this.#chunk = bytes;
  }

  /** A control frame is complete, which may be in the middle of a message. `size`: of its payload. */
  control(size: number): void {
    this.#rest -= shortHeader + size;
  }

  /** Returns the needless bytes before a message of this size, as far as in earlier chunks. */
  message(size: number): number {
    const rest = this.#rest - headerOf(size) - size;
    // Only what is in the current chunk was not counted before.
    this.#rest = Math.max(-this.#chunk, Math.min(rest, 0));
    return Math.max(rest, 0);
  }
}

function headerOf(size: number): number {
  if (size < 126) return shortHeader;
  return size < 65_536 ? shortHeader + 2 : shortHeader + 8;
}

/** In place of `FrameHeaders` with compression: the bytes of messages that were not charged. */
export class InflatedBytes {
  /** Of a byte. */
  readonly price = 1;
  /** Bytes charged that belong to no message so far. */
  #rest = 0;

  arrived(bytes: number): void {
    this.#rest += bytes;
  }

  control(size: number): void {
    this.#rest = Math.max(0, this.#rest - shortHeader - size);
  }

  /** A message of this size is complete: returns the bytes of it that were not charged. */
  message(size: number): number {
    const rest = this.#rest - size;
    this.#rest = Math.max(rest, 0);
    return Math.max(-rest, 0);
  }
}
