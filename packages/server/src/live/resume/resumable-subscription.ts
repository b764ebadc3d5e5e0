import type { Model } from '../../model/model.js';
import type { QuerySubscribeRequest } from '../query/query-subscriptions.js';
import { isUnanswered, type Subscription } from '../registry/live-session.js';
import type { RequestedSubscription } from '../subscribe-checks.js';
import type { ResumableWindows } from './resumable-windows.js';

/** Without the parsed R, which takes more memory than the rest of it: it is parsed again on resume. */
export type ResumableItem = Omit<RequestedSubscription, 'target'>;

/** What is needed to resume a subscription of a dropped connection. */
export type ResumableSubscription =
  | {
      readonly kind: 'item';
      readonly item: ResumableItem;
      readonly model: Model;
      /** The view of its last pushes. */
      readonly view: string;
    }
  /** `key`: the id in its pushes. */
  | {
      readonly kind: 'query';
      readonly key: string;
      readonly request: QuerySubscribeRequest;
      /** Memory that its filter takes. */
      readonly bytes: number;
      readonly model: Model;
      readonly view: string;
    }
  /** Its object was deleted; the client must be authorized again before it may learn that. */
  | { readonly kind: 'ended'; readonly item: ResumableItem }
  /** The last id of a live query: pushes sent again may name it, so it must not be reused. */
  | { readonly kind: 'last-query'; readonly key: string };

/** Estimated memory of a subscription without its filter, in bytes. */
const bytesPerSubscription = 512;

/** Estimated memory of resumable subscriptions, in bytes. Known windows are bounded separately. */
export function bytesOf(resumable: readonly ResumableSubscription[]): number {
  let bytes = resumable.length * bytesPerSubscription;
  for (const subscription of resumable) {
    if (subscription.kind === 'query') bytes += subscription.bytes;
    else if (subscription.kind === 'item') bytes += (subscription.item.fields?.length ?? 0) * 64;
  }
  return bytes;
}

/**
 * `undefined` if the subscribe command was not answered yet: the client does not know the
 * subscription. `model`: the one it was authorized by.
 */
export function resumableOf(
  subscription: Subscription,
  model: Model,
  windows: ResumableWindows,
): ResumableSubscription | undefined {
  if (isUnanswered(subscription) || subscription.progress === 'ended') return undefined;
  switch (subscription.kind) {
    case 'object': {
      const { catchUpMode, rev, topic, group } = subscription;
      // If it waits for a snapshot, it still gets one.
      const canContinue = (catchUpMode === 'revisions' || catchUpMode === 'changes') && rev > 0;
      const { fields, view } = group;
      const asked = { r: topic.r, fields };
      const item: ResumableItem = canContinue
        ? { ...asked, rev, view: subscription.view, isKnownToClient: true }
        : asked;
      return { kind: 'item', item, model, view };
    }
    case 'collection': {
      const { topic, group, pos, view } = subscription;
      const item = { r: topic.r, fields: group.fields, after: { pos, view } };
      return { kind: 'item', item, model, view: group.view };
    }
    case 'query': {
      const { r, scope, fields, filter, order, limit, from, auth, view } =
        subscription.group.traits;
      const { pos, rows, isExact } = subscription.known;
      const after = { pos, view: subscription.view };
      const { sentPos, newestSent } = subscription;
      // After a change of view it may not have received all of its window yet, and others at this
      // position may not have what was written while a difference was read.
      const position =
        isExact && subscription.view === view && sentPos >= newestSent
          ? { key: subscription.group.traits.key, pos: sentPos }
          : undefined;
      const isHeld = windows.retain(rows, position, subscription.session.usage.owner);
      const known = isHeld ? rows : undefined;
      const resumeState = { auth, sentPos, newestSent, known, isExact };
      const request = { r, scope, fields, filter, order, limit, from, after, resumeState };
      const { bytes } = subscription.group.traits.cost;
      return { kind: 'query', key: subscription.key, request, bytes, model, view };
    }
    default:
      return subscription satisfies never;
  }
}
