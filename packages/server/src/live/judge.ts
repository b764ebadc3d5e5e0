import type { Model } from '../model/model.js';
import { pushView, type View } from '../model/view.js';
import type { StoredObject } from '../store/store.js';
import type { Audience, Seat } from './audience.js';

/** What an audience may see of an object. */
export interface Verdict<A> {
  readonly audience: A;
  readonly view: View;
}

/**
 * Judges an object once for each audience that has somebody who is concerned. In place where every
 * rule and hook can be; what needs the sandbox goes there together. Never rejects.
 */
export function judgeAudiences<M extends Seat, A extends Audience<M, unknown>>(
  audiences: Iterable<A & { readonly members: readonly M[] }>,
  { model, object }: { model: Model; object: StoredObject },
  isConcerned: (member: M) => boolean,
): Verdict<A>[] | Promise<Verdict<A>[]> {
  const verdicts: (Verdict<A> | Promise<Verdict<A>>)[] = [];
  let late = false;
  for (const audience of audiences) {
    if (!audience.members.some(isConcerned)) continue;
    const view = pushView(model, object, audience.auth);
    if (view instanceof Promise) {
      late = true;
      verdicts.push(view.then((judged) => ({ audience, view: judged })));
    } else {
      verdicts.push({ audience, view });
    }
  }
  return late ? Promise.all(verdicts) : (verdicts as Verdict<A>[]);
}
