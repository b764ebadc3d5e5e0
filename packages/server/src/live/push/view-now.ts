import type { Auth } from '@really/protocol';
import type { LookupFinder } from '../../model/lookups/lookup.js';
import type { Model } from '../../model/model.js';
import { pushLookups, pushView, type View } from '../../model/view/view.js';
import { judgedAsNewest } from '../../objects/judged-again.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';

/** What a reader may be sent of an object. */
export interface RevisionView {
  /** The object as given; a later revision, if that is visible and the given one is not. */
  readonly object: StoredObject;
  readonly view: View;
}

/**
 * As `pushView`, for an object that may have changed since, and whose change is on its way. Where lookups find what is
 * stored now, the newest revision has to be visible, too: otherwise an old one could be judged by a later state of what
 * it looks up, which no commit ever had. What was found for a group is of the time of the change already.
 */
export function viewNow(
  { objects }: Pick<LiveContext, 'objects'>,
  model: Model,
  object: StoredObject,
  { auth, finder }: { readonly auth: Auth; readonly finder?: LookupFinder | undefined },
): RevisionView | Promise<RevisionView> {
  const viewOf = (one: StoredObject) => pushView(model, one, auth, finder);
  if (finder?.known || pushLookups(model).length === 0) {
    const view = viewOf(object);
    return view instanceof Promise
      ? view.then((late) => ({ object, view: late }))
      : { object, view };
  }
  return judgedAsNewest(objects, object, (newest) => {
    const view = viewOf(object);
    // Nothing is left of a deleted one that a rule could judge.
    const later = newest === object || newest.deleted ? undefined : viewOf(newest);
    if (!(view instanceof Promise) && !(later instanceof Promise)) {
      return sightOf({ object, view }, later && { object: newest, view: later });
    }
    return Promise.all([view, later]).then(([one, other]) =>
      sightOf({ object, view: one }, other && { object: newest, view: other }),
    );
  });
}

/** What is left of the one where both have to be visible. */
function sightOf(given: RevisionView, newest: RevisionView | undefined): RevisionView {
  if (newest === undefined) return given;
  if (newest.view.kind === 'refused') return { ...given, view: newest.view };
  if (given.view.kind === 'refused') return newest;
  const hidden = new Set([...newest.view.hidden, ...given.view.hidden]);
  return { ...given, view: { kind: 'visible', hidden: [...hidden] } };
}
