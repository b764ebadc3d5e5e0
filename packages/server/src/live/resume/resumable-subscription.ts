import { parseR } from '@really/protocol';
import type { Model } from '../../model/model.js';
import type { QuerySubscribeRequest } from '../query/query-subscriptions.js';
import type { Subscription } from '../registry/live-session.js';
import type { RequestedSubscription } from '../subscribe-checks.js';
import type { ResumableWindows } from './resumable-windows.js';

/** A subscription of a connection that dropped, as much of it as it takes to go on from where it was. */
export type ResumableSubscription =
  | {
      readonly kind: 'item';
      readonly item: RequestedSubscription;
      readonly model: Model;
      /** That its last pushes were heard under. */
      readonly view: string;
    }
  /** `key`: the id that its pushes carry. */
  | {
      readonly kind: 'query';
      readonly key: string;
      readonly request: QuerySubscribeRequest;
      /** Of memory that its filter takes. */
      readonly bytes: number;
      readonly model: Model;
      readonly view: string;
    }
  /** It has ended, for its object was deleted; but whether who comes back may be told so is yet to be judged. */
  | { readonly kind: 'ended'; readonly item: RequestedSubscription }
  /** The last id that a subscription of a read had: what is sent again may name it, so that no other one may have it. */
  | { readonly kind: 'last-query'; readonly key: string };

/** Bytes of memory of a subscription beside what its filter takes, about. */
const bytesPerSubscription = 512;

/** Bytes of memory that parked subscriptions take, about: what windows know of is bounded by itself. */
export function bytesOf(resumable: readonly ResumableSubscription[]): number {
  let bytes = resumable.length * bytesPerSubscription;
  for (const subscription of resumable) {
    if (subscription.kind === 'query') bytes += subscription.bytes;
    else if (subscription.kind === 'item') bytes += (subscription.item.fields?.length ?? 0) * 64;
  }
  return bytes;
}

/** `undefined` of one whose command was not answered yet: the client does not know of it. `model`: that it was judged by. */
export function resumableOf(
  subscription: Subscription,
  model: Model,
  windows: ResumableWindows,
): ResumableSubscription | undefined {
  if (subscription.progress === 'waiting' || subscription.progress === 'ended') return undefined;
  switch (subscription.kind) {
    case 'object': {
      const { catchUpMode, rev, topic, group } = subscription;
      // One that is owed a snapshot gets it.
      const canContinue = (catchUpMode === 'revisions' || catchUpMode === 'changes') && rev > 0;
      return {
        ...item(
          topic.r,
          group.fields,
          canContinue ? { rev, view: subscription.view, isKnownToClient: true } : {},
        ),
        model,
        view: group.view,
      };
    }
    case 'collection': {
      const { topic, group, pos, view } = subscription;
      return {
        ...item(topic.r, group.fields, { after: { pos, view } }),
        model,
        view: group.view,
      };
    }
    case 'query': {
      const { r, scope, fields, filter, order, limit, auth, view } = subscription.group.traits;
      const { pos, known, isExact } = subscription.cursor;
      const after = { pos, view: subscription.view };
      const { sentPos } = subscription;
      // Under another view it has not heard all of its window yet.
      const position =
        isExact && subscription.view === view
          ? { key: subscription.group.traits.key, pos: sentPos }
          : undefined;
      const isHeld = windows.retain(known, position);
      const resumeState = { auth, sentPos, known: isHeld ? known : undefined, isExact };
      const request = { r, scope, fields, filter, order, limit, after, resumeState };
      const { bytes } = subscription.group.traits.cost;
      return { kind: 'query', key: subscription.key, request, bytes, model, view };
    }
    default:
      return subscription satisfies never;
  }
}

function item(
  r: string,
  fields: readonly string[] | undefined,
  from: Pick<RequestedSubscription, 'rev' | 'view' | 'after' | 'isKnownToClient'>,
): Pick<Extract<ResumableSubscription, { kind: 'item' }>, 'kind' | 'item'> {
  return { kind: 'item', item: { r, target: parseR(r), fields, ...from } };
}
