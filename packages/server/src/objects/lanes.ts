import type { Place } from './place.js';
import type { Lane } from './write-request.js';

/** Keeps the requests of a lane in order on their way to the commit, although each is in a line of its own. */
export class Lanes {
  /** By owner and name, the last one. Only while it was not tried yet: nobody has to wait for it then. */
  readonly #last = new WeakMap<object, Map<string, Place>>();

  /** Puts a request behind the one that came before it there. */
  enter(place: Place, lane: Lane): void {
    const lanes = this.#last.get(lane.owner) ?? new Map<string, Place>();
    this.#last.set(lane.owner, lanes);
    place.behind = lanes.get(lane.name);
    lanes.set(lane.name, place);
    void place.firstTry().then(() => {
      if (lanes.get(lane.name) === place) lanes.delete(lane.name);
      if (lanes.size === 0) this.#last.delete(lane.owner);
    });
  }
}
