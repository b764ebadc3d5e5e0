import type { Model } from '../model/model.js';
import { pushView, type View } from '../model/view.js';
import { awaited, type Steps } from '../platform/turn-slice.js';
import type { StoredObject } from '../store/store.js';
import type { Audience, Seat } from './audience.js';
import type { KeyedSet } from './keyed-set.js';

/** What an audience may see of an object. */
export interface Verdict<A> {
  readonly audience: A;
  readonly view: View;
}

interface Judged {
  readonly model: Model;
  readonly object: StoredObject;
  /** So many audiences are judged before others may have their turn. */
  readonly portion: number;
}

/**
 * Judges an object once for each audience that has somebody who is concerned. In place where every
 * rule and hook can be; what needs the sandbox goes there together. Never rejects.
 */
export function* judgeAudiences<M extends Seat, A extends Audience<M, unknown>>(
  audiences: KeyedSet<A & { readonly members: readonly M[] }>,
  judged: Judged,
  isConcerned: (member: M) => boolean,
): Steps<readonly Verdict<A>[]> {
  const { portion } = judged;
  if (audiences.size <= portion) return yield* judge(audiences.peek(), judged, isConcerned);
  const all = audiences.values();
  const verdicts: Verdict<A>[] = [];
  for (let from = 0; from < all.length; from += portion) {
    yield;
    verdicts.push(...(yield* judge(all.slice(from, from + portion), judged, isConcerned)));
  }
  return verdicts;
}

function* judge<M extends Seat, A extends Audience<M, unknown>>(
  audiences: Iterable<A & { readonly members: readonly M[] }>,
  { model, object }: Judged,
  isConcerned: (member: M) => boolean,
): Steps<readonly Verdict<A>[]> {
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
  return late ? yield* awaited(Promise.all(verdicts)) : (verdicts as Verdict<A>[]);
}
