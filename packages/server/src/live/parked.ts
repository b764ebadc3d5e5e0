import { parseR } from '@really/protocol';
import type { Model } from '../model/model.js';
import type { ParkedWindows } from './parked-windows.js';
import type { WatchRequest } from './query-watch.js';
import type { Subscription } from './session.js';
import type { Wished } from './subscribing.js';

/** A subscription of a connection that dropped, as much of it as it takes to go on from where it was. */
export type Parked =
  | {
      readonly kind: 'item';
      readonly item: Wished;
      readonly model: Model;
      /** That its last pushes were heard under. */
      readonly view: string;
    }
  /** `key`: the id that its pushes carry. */
  | {
      readonly kind: 'query';
      readonly key: string;
      readonly request: WatchRequest;
      /** Of memory that its filter takes. */
      readonly bytes: number;
      readonly model: Model;
      readonly view: string;
    }
  /** It has ended, for its object was deleted; but whether who comes back may be told so is yet to be judged. */
  | { readonly kind: 'ended'; readonly item: Wished }
  /** The last id that a subscription of a read had: what is sent again may name it, so that no other one may have it. */
  | { readonly kind: 'last-query'; readonly key: string };

/** Bytes of memory of a subscription beside what its filter takes, about. */
const bytesPerSubscription = 512;

/** Bytes of memory that parked subscriptions take, about: what windows know of is bounded by itself. */
export function bytesOf(parked: readonly Parked[]): number {
  let bytes = parked.length * bytesPerSubscription;
  for (const one of parked) {
    if (one.kind === 'query') bytes += one.bytes;
    else if (one.kind === 'item') bytes += (one.item.fields?.length ?? 0) * 64;
  }
  return bytes;
}

/** `undefined` of one whose command was not answered yet: the client does not know of it. `model`: that it was judged by. */
export function parkedOf(
  one: Subscription,
  model: Model,
  windows: ParkedWindows,
): Parked | undefined {
  if (one.progress === 'waiting' || one.progress === 'ended') return undefined;
  switch (one.kind) {
    case 'object': {
      const { owed, rev, topic, audience } = one;
      // One that is owed a snapshot gets it.
      const goesOn = (owed === 'revisions' || owed === 'changes') && rev > 0;
      return {
        ...item(topic.r, audience.fields, goesOn ? { rev, view: one.view, isSeen: true } : {}),
        model,
        view: audience.view,
      };
    }
    case 'collection': {
      const { topic, audience, pos, view } = one;
      return {
        ...item(topic.r, audience.fields, { after: { pos, view } }),
        model,
        view: audience.view,
      };
    }
    case 'query': {
      const { r, scope, fields, filter, order, limit, auth, view } = one.group.traits;
      const { pos, known, isWhole } = one.standing;
      const after = { pos, view: one.view };
      const { heard } = one;
      // Under another view it has not heard all of its window yet.
      const place =
        isWhole && one.view === view ? { key: one.group.traits.key, pos: heard } : undefined;
      const isHeld = windows.hold(known, place);
      const left = { auth, heard, known: isHeld ? known : undefined, isWhole };
      const request = { r, scope, fields, filter, order, limit, after, left };
      const { bytes } = one.group.traits.price;
      return { kind: 'query', key: one.key, request, bytes, model, view };
    }
    default:
      return one satisfies never;
  }
}

function item(
  r: string,
  fields: readonly string[] | undefined,
  from: Pick<Wished, 'rev' | 'view' | 'after' | 'isSeen'>,
): Pick<Extract<Parked, { kind: 'item' }>, 'kind' | 'item'> {
  return { kind: 'item', item: { r, target: parseR(r), fields, ...from } };
}
