import type { Model } from '../../model/model.js';
import { pushView, type View } from '../../model/view/view.js';
import { awaited, type Steps } from '../../platform/scheduling/tick-slice.js';
import type { StoredObject } from '../../store/store.js';
import type { CompactMap } from '../registry/compact-map.js';
import type { GroupMember, SubscriberGroup } from '../registry/subscriber-group.js';

/** What an audience may see of an object. */
export interface GroupView<A> {
  readonly group: A;
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
export function* authorizeGroups<M extends GroupMember, A extends SubscriberGroup<M, unknown>>(
  groups: CompactMap<A & { readonly members: readonly M[] }>,
  authorized: Judged,
  isConcerned: (member: M) => boolean,
): Steps<readonly GroupView<A>[]> {
  const { portion } = authorized;
  if (groups.size <= portion) return yield* judge(groups.peek(), authorized, isConcerned);
  const all = groups.values();
  const groupViews: GroupView<A>[] = [];
  for (let from = 0; from < all.length; from += portion) {
    yield;
    groupViews.push(...(yield* judge(all.slice(from, from + portion), authorized, isConcerned)));
  }
  return groupViews;
}

function* judge<M extends GroupMember, A extends SubscriberGroup<M, unknown>>(
  groups: Iterable<A & { readonly members: readonly M[] }>,
  { model, object }: Judged,
  isConcerned: (member: M) => boolean,
): Steps<readonly GroupView<A>[]> {
  const groupViews: (GroupView<A> | Promise<GroupView<A>>)[] = [];
  let late = false;
  for (const group of groups) {
    if (!group.members.some(isConcerned)) continue;
    const view = pushView(model, object, group.auth);
    if (view instanceof Promise) {
      late = true;
      groupViews.push(view.then((authorized) => ({ group, view: authorized })));
    } else {
      groupViews.push({ group, view });
    }
  }
  return late ? yield* awaited(Promise.all(groupViews)) : (groupViews as GroupView<A>[]);
}
