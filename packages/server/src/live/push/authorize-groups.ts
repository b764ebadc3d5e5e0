import type { Model } from '../../model/model.js';
import { awaited, type Steps } from '../../platform/scheduling/tick-slice.js';
import type { StoredObject } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import type { CompactMap } from '../registry/compact-map.js';
import type { GroupMember, SubscriberGroup } from '../registry/subscriber-group.js';
import { type RevisionView, viewNow } from './view-now.js';

/** What a subscriber group may see of an object. */
export interface GroupView<A> extends RevisionView {
  readonly group: A;
}

interface AuthorizeOptions {
  readonly context: Pick<LiveContext, 'objects' | 'pace'>;
  readonly model: Model;
  readonly object: StoredObject;
}

/**
 * Authorizes an object once for each group with a member that `isConcerned` selects: at once if they
 * are few, unless a rule or hook needs the sandbox; those run concurrently. Never rejects.
 */
export function authorizeGroups<M extends GroupMember, A extends SubscriberGroup<M, unknown>>(
  groups: CompactMap<A & { readonly members: readonly M[] }>,
  options: AuthorizeOptions,
  isConcerned: (member: M) => boolean,
): readonly GroupView<A>[] | Steps<readonly GroupView<A>[]> {
  if (groups.size > options.context.pace.groups) {
    return authorizeInSteps(groups.values(), options, isConcerned);
  }
  const views = authorizePortion(groups.peek(), options, isConcerned);
  return views instanceof Promise ? awaited(views) : views;
}

function* authorizeInSteps<M extends GroupMember, A extends SubscriberGroup<M, unknown>>(
  all: readonly (A & { readonly members: readonly M[] })[],
  options: AuthorizeOptions,
  isConcerned: (member: M) => boolean,
): Steps<readonly GroupView<A>[]> {
  const { groups: portion } = options.context.pace;
  const groupViews: GroupView<A>[] = [];
  for (let from = 0; from < all.length; from += portion) {
    yield;
    const views = authorizePortion(all.slice(from, from + portion), options, isConcerned);
    groupViews.push(...(views instanceof Promise ? yield* awaited(views) : views));
  }
  return groupViews;
}

function authorizePortion<M extends GroupMember, A extends SubscriberGroup<M, unknown>>(
  groups: Iterable<A & { readonly members: readonly M[] }>,
  { context, model, object }: AuthorizeOptions,
  isConcerned: (member: M) => boolean,
): readonly GroupView<A>[] | Promise<readonly GroupView<A>[]> {
  const groupViews: (GroupView<A> | Promise<GroupView<A>>)[] = [];
  let hasAsync = false;
  for (const group of groups) {
    if (!group.members.some(isConcerned)) continue;
    const sight = viewNow(context, model, object, group);
    if (sight instanceof Promise) {
      hasAsync = true;
      groupViews.push(sight.then((late) => ({ group, ...late })));
    } else {
      groupViews.push({ group, ...sight });
    }
  }
  return hasAsync ? Promise.all(groupViews) : (groupViews as GroupView<A>[]);
}
