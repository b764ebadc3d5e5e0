import { fail, type UnsubscribeItem } from '@really/protocol';
import { type LiveContext, modelOf } from './live-context.js';
import type { Members } from './members.js';
import type { Regrouping } from './regrouping.js';
import { seat } from './seating.js';
import type { Session, Subscription } from './session.js';
import { fieldsAsked } from './subscribing.js';

export interface UnsubscribeParts {
  readonly context: LiveContext;
  readonly members: Members;
  readonly regrouping: Regrouping;
}

/**
 * Rule UNS1. Gives the Rs and ids of the subscriptions that ended, in the order asked for. What is not
 * subscribed to is passed over, but a request of which nothing is, is refused with 404
 * `subscription.missing`. Where an item is ill-formed nothing is done at all: 400.
 */
export function unsubscribe(
  parts: UnsubscribeParts,
  session: Session | undefined,
  items: readonly UnsubscribeItem[],
): string[] {
  const partings = items.map((item, index) => partingOf(parts.context, item, index));
  const ended: string[] = [];
  let known = 0;
  for (const { key, fields } of partings) {
    const one = session?.subscriptions.get(key);
    if (!one) continue;
    known += 1;
    if (part(parts, one, fields)) ended.push(key);
  }
  if (known === 0 && items.length > 0) throw fail('subscription.missing');
  return ended;
}

interface Parting {
  readonly key: string;
  /** To be taken out of the subscription; `undefined`: all. */
  readonly fields: readonly string[] | undefined;
}

function partingOf(context: LiveContext, item: UnsubscribeItem, index: number): Parting {
  if (item.kind === 'query') return { key: item.id, fields: undefined };
  const { target } = item;
  if (!target) throw fail('r.invalid');
  const model = modelOf(context, target.names);
  const path = `body.subscriptions[${index}].fields`;
  return { key: target.r, fields: model && fieldsAsked(model, item.fields, path) };
}

/** True where the subscription ended. */
function part(
  { context, members, regrouping }: UnsubscribeParts,
  one: Subscription,
  fields: readonly string[] | undefined,
): boolean {
  if (one.kind !== 'query' && fields) seat(context, members, one);
  const left = one.kind !== 'query' && fields ? fieldsLeft(context, one, fields) : undefined;
  if (one.kind === 'query' || left === undefined || left.length === 0) {
    members.end(one);
    // Whoever subscribes to it again may have other rights by then.
    one.session.listener.outdate?.(one.key);
    return true;
  }
  if (left.length < (one.audience.fields?.length ?? Number.POSITIVE_INFINITY)) {
    regrouping.move(one, left);
  }
  return false;
}

function fieldsLeft(
  context: LiveContext,
  one: Exclude<Subscription, { kind: 'query' }>,
  removed: readonly string[],
): readonly string[] | undefined {
  const names = one.kind === 'object' ? one.topic.names : one.topic.scope.names;
  const model = modelOf(context, names);
  const now = one.audience.fields ?? (model && [...model.fields.keys()]);
  return now?.filter((name) => !removed.includes(name));
}
