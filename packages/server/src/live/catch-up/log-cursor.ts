import type { CommittedChange, Pos } from '../../store/stored-object.js';

/** Follows the changes of the whole store. */
export interface LogFollower {
  /** The change after everything that was received, missed or skipped so far. */
  receive(change: CommittedChange): void;
  /** The bus left out what happened after `after`, up to `through`. */
  miss(after: Pos, through: Pos): void;
  /** Nothing changed at this position. */
  skip?(pos: Pos): void;
}

/**
 * How far the bus is in the store's log. Positions are consecutive, so a gap shows that the bus left
 * something out; duplicates are ignored.
 */
export class LogCursor {
  readonly #followers: LogFollower[] = [];
  /** `undefined` until the first change: nobody knows what the bus left out before. */
  #received: Pos | undefined;

  follow(follower: LogFollower): void {
    this.#followers.push(follower);
  }

  /** Every change up to here was received from the bus, or is known to be missing. */
  get received(): Pos {
    return this.#received ?? 0;
  }

  /** Sets the position from which gaps are detected, if nothing was received yet. */
  beginAt(pos: Pos): void {
    this.#received ??= pos;
  }

  /** This position belongs to a new version of a model, not to a change. */
  skip(pos: Pos): void {
    if (this.#received !== pos - 1) return;
    this.#received = pos;
    for (const follower of this.#followers) follower.skip?.(pos);
  }

  /** The store is at this position: if that is later than what was received, changes are missing. */
  observe(pos: Pos): void {
    const after = this.received;
    if (pos <= after) return;
    this.#received = pos;
    for (const follower of this.#followers) follower.miss(after, pos);
  }

  /** Call for every change, since each has a position. */
  receive(change: CommittedChange): void {
    const { pos } = change;
    if (this.#received !== undefined && pos <= this.#received) return;
    if (pos !== this.received + 1) this.observe(pos - 1);
    this.#received = pos;
    for (const follower of this.#followers) follower.receive(change);
  }
}
