import { createHash } from 'node:crypto';
import type { Model } from '../../model/model.js';
import { pushLookups } from '../../model/view/view.js';
import { filterText } from '../../queries/filter-text.js';
import { ownerOf } from '../../queries/owner.js';
import type { LiveContext } from '../live-context.js';
import { LookupRecorder } from '../lookups/lookup-recorder.js';
import type { PushTarget } from '../push-target.js';
import type { QueryGroupTraits } from '../query/query-group-traits.js';
import type { SubscriberGroupTraits } from './subscriber-group.js';

/** The group that a subscriber of a collection, or of an object, belongs to with these fields. */
export function groupTraitsOf(
  { views }: Pick<LiveContext, 'views'>,
  model: Model,
  { r, fields }: { readonly r: string; readonly fields: readonly string[] | undefined },
  { auth }: PushTarget,
): SubscriberGroupTraits {
  const { view, finder } = views.at(model, auth, r);
  return { key: groupKeyOf(fields, view), auth, view, finder, fields };
}

/** As `groupTraitsOf`, for an object. */
export function objectGroupTraitsOf(
  ...args: Parameters<typeof groupTraitsOf>
): SubscriberGroupTraits {
  const traits = groupTraitsOf(...args);
  const [, model] = args;
  if (traits.finder || pushLookups(model).length === 0) return traits;
  const recorder = new LookupRecorder(model.readLookups);
  return { ...traits, finder: recorder, recorder };
}

/** What a query asks for, whoever its reader is. */
export type SharedQuery = Pick<QueryGroupTraits, 'r' | 'scope' | 'order' | 'limit' | 'cost'> &
  Partial<Pick<QueryGroupTraits, 'fields' | 'filter' | 'from'>>;

/** The group that a subscriber of this query belongs to. */
export function queryGroupTraitsOf(
  { views }: Pick<LiveContext, 'views'>,
  model: Model,
  { r, scope, fields, filter, order, limit, from, cost }: SharedQuery,
  pushTarget: PushTarget,
): QueryGroupTraits {
  const { auth } = pushTarget;
  const { view, finder } = views.at(model, auth, r);
  const rest = JSON.stringify([order.keys, limit, from]);
  const queryText = `${filterText(filter)}${rest}`;
  const key = `${shortenKey(queryText)}${groupKeyOf(fields, view)}`;
  const owner = ownerOf(pushTarget);
  const reader = { auth, owner, view, finder };
  return { key, r, scope, fields, filter, order, limit, from, cost, ...reader };
}

/** Equal for the subscribers of one group. */
function groupKeyOf(fields: readonly string[] | undefined, view: string): string {
  return `${fields === undefined ? '*' : JSON.stringify(fields)}${view}`;
}

/** A query can be as long as a message, and there may be many. */
function shortenKey(queryText: string): string {
  if (queryText.length <= 256) return queryText;
  return createHash('sha256').update(queryText).digest('base64');
}
