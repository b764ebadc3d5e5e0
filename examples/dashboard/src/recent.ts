/** The measurements of the last seconds; of very many the newest. */
export class Recent {
  readonly #span: number;
  readonly #most: number;
  #measured: { readonly value: number; readonly at: number }[] = [];

  /** `span` in milliseconds. */
  constructor(span: number, most: number) {
    this.#span = span;
    this.#most = most;
  }

  get size(): number {
    return this.#measured.length;
  }

  add(value: number, at = performance.now()): void {
    this.#measured.push({ value, at });
    if (this.#measured.length > 2 * this.#most) this.#forget(at);
  }

  /** The value that this part of them is not above: 0.5 for the median. Undefined if there are none. */
  quantile(part: number, now = performance.now()): number | undefined {
    this.#forget(now);
    const values = this.#measured.map(({ value }) => value).sort((a, b) => a - b);
    return values[Math.ceil(part * values.length) - 1];
  }

  #forget(now: number): void {
    const isRecent = ({ at }: { readonly at: number }) => at > now - this.#span;
    this.#measured = this.#measured.slice(-this.#most).filter(isRecent);
  }
}
