import { headerPrice } from '../limits/intake-rates.js';

/** Of a client's frame without payload, with its mask. */
const shortHeader = 6;

/**
 * Finds out how many bytes of a client's input are headers of frames that nobody needs: `ws` does
 * not tell of the fragments of a message, which may be many and empty. A message in one frame has
 * none.
 */
export class FrameHeaders {
  /** Bytes of earlier chunks that belong to no frame so far. */
  #rest = 0;
  /** Of the current chunk, of which the end is not parsed yet. */
  #chunk = 0;

  /** Of a byte. */
  get price(): number {
    return headerPrice;
  }

  arrived(bytes: number): void {
    this.#rest += this.#chunk;
    this.#chunk = bytes;
  }

  /** A control frame is complete, which may be in the middle of a message. `size`: of its payload. */
  control(size: number): void {
    this.#rest -= shortHeader + size;
  }

  /**
   * A message of this size is complete: returns the needless bytes before it, as far as they were in
   * earlier chunks.
   */
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

/**
 * In place of `FrameHeaders` where messages may be compressed: finds out by how many bytes they are
 * larger than all that was charged on arrival.
 */
export class InflatedBytes {
  /** Bytes charged that belong to no message so far. */
  #rest = 0;

  /** Of a byte. */
  get price(): number {
    return 1;
  }

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
