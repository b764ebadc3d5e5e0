import type { StoredObject } from '../store/stored-object.js';
import type { Objects } from './objects.js';

/** Most times that something is judged. What keeps changing blocks nobody: it was allowed when it was judged. */
const maxAttempts = 3;

/**
 * Judges what was read, and again what changed meanwhile: otherwise an old revision could be judged by what its rules
 * look up now, which no commit ever had together. `changedSince`: what to judge next; `undefined`: nothing. Synchronous
 * if `judge` is, because nothing changes within a turn.
 */
export function judgedAgain<State, Judged>(
  state: State,
  judge: (state: State) => Judged | Promise<Judged>,
  changedSince: (state: State) => State | undefined | Promise<State | undefined>,
): Judged | Promise<Judged> {
  const first = judge(state);
  if (!(first instanceof Promise)) return first;
  const settle = async (): Promise<Judged> => {
    let [judged, current] = [await first, state];
    for (let attempt = 1; attempt < maxAttempts; attempt++) {
      const changed = await changedSince(current);
      if (changed === undefined) break;
      current = changed;
      judged = await judge(current);
    }
    return judged;
  };
  return settle();
}

/** As `judgedAgain`, for one object that was read: judges its newest revision. */
export function judgedAsNewest<Head extends StoredObject | undefined, Judged>(
  objects: NewestObjects,
  head: Head,
  judge: (current: Head) => Judged | Promise<Judged>,
): Judged | Promise<Judged> {
  const newest = (): Head => newestOf(objects, head);
  return judgedAgain(newest(), judge, (current) => {
    const now = newest();
    return now === current ? undefined : now;
  });
}

/** `newest` may be left out where nothing is in memory. */
export type NewestObjects = Partial<Pick<Objects, 'newest'>>;

/** The object, or what was committed of it since it was read. */
export function newestOf<Head extends StoredObject | undefined>(
  objects: NewestObjects,
  head: Head,
): Head {
  return head && ((objects.newest?.(head) ?? head) as Head);
}
