import { fail, type JsonObject, type ProtocolError } from '@really/protocol';
import { unavailable } from '../objects/unavailable.js';
import type { Steps } from '../platform/turn-slice.js';
import type { Activity } from './activity.js';
import { CollectionWish, type CollectionWishParts, collectionDemand } from './collection-wish.js';
import type { LiveContext } from './live-context.js';
import { ObjectWish, type ObjectWishParts } from './object-wish.js';
import { pushError } from './push-error.js';
import type { Session } from './session.js';
import {
  fieldsAsked,
  type Heads,
  knownModel,
  type Placed,
  type Prepared,
  type Wish,
  type Wished,
  type WishItem,
} from './subscribing.js';

export interface SubscribeParts {
  readonly context: LiveContext;
  readonly activity: Activity;
  readonly objects: ObjectWishParts;
  readonly collections: CollectionWishParts;
}

export interface SubscribeAnswer {
  /** `subscriptions`, and `failures` where there are any. */
  readonly body: JsonObject;
  /** To be called when the answer is queued: pushes may flow from then on. */
  readonly start: () => void;
}

/** An item, with what came of it so far or why nothing does. */
type Step<T> = { readonly item: Wished } & (
  | { readonly value: T; readonly error?: undefined }
  | { readonly error: ProtocolError }
);

/** How often the models may change while subscriptions are being made. */
const mostTries = 5;

/** Items that are looked at together: enough to share the way to the store, few enough that little is held for them. */
const together = 256;

/** Rule SUB1: makes the subscriptions that can be made; what is wrong with one does not touch the others. */
export async function subscribe(
  parts: SubscribeParts,
  session: Session,
  items: readonly Wished[],
): Promise<SubscribeAnswer> {
  const { slice } = parts.context;
  const answer = new Answer(parts);
  for (let first = 0; first < items.length; first += together) {
    const some = items
      .slice(first, first + together)
      .map((item, at) => ({ item, index: first + at }));
    await attempts(parts, session, some, answer);
    if (slice.isOver) await slice.rest();
  }
  return answer;
}

/** Throws 503 where the models change all the time, unless some of the subscriptions were made already: then the others have failed. */
async function attempts(
  parts: SubscribeParts,
  session: Session,
  items: readonly WishItem[],
  answer: Answer,
): Promise<void> {
  for (let tries = 1; tries < mostTries; tries++) {
    const placed = await attemptAll(parts, session, items);
    if (placed) return answer.add(placed);
  }
  if (items[0]?.index === 0) throw unavailable();
  answer.add(items.map(({ item }) => ({ item, error: unavailable() })));
}

/** `undefined` where other models are in force by now than those that it was judged by. */
async function attemptAll(
  parts: SubscribeParts,
  session: Session,
  items: readonly WishItem[],
): Promise<Step<Placed>[] | undefined> {
  const { context } = parts;
  const models = context.models();
  const wishes = items.map((one) => attempt(context, one.item, () => wishOf(parts, session, one)));
  try {
    // Read only now that no change of any of these objects goes by unnoticed any more.
    const heads = readHeads(context, wishes);
    const prepared = await Promise.all(wishes.map((wish) => prepare(context, wish, heads)));
    if (context.models() !== models) return undefined;
    return session.dropped ? [] : prepared.map((one) => place(context, session, one));
  } finally {
    for (const wish of wishes) if (!wish.error) wish.value.release();
  }
}

function wishOf(parts: SubscribeParts, session: Session, { item, index }: WishItem): Wish {
  const { target } = item;
  if (!target) throw fail('r.invalid');
  if (target.kind === 'object') {
    return new ObjectWish(parts.objects, session, target, { item, index });
  }
  const model = knownModel(parts.context, target.names);
  const fields = fieldsAsked(model, item.fields, `body.subscriptions[${index}].fields`);
  const demand = collectionDemand(target, { ...item, fields }, index);
  return new CollectionWish(parts.collections, session, demand);
}

async function readHeads({ store }: LiveContext, wishes: readonly Step<Wish>[]): Promise<Heads> {
  const rs = new Set<string>();
  for (const { item, error } of wishes) {
    if (!error && item.target?.kind === 'object') rs.add(item.target.r);
  }
  const asked = [...rs];
  const objects = asked.length > 0 ? await store.getMany(asked) : [];
  return new Map(asked.map((r, index) => [r, objects[index]]));
}

async function prepare(
  context: LiveContext,
  wish: Step<Wish>,
  heads: Promise<Heads>,
): Promise<Step<Prepared>> {
  if (wish.error) return wish;
  const { item } = wish;
  try {
    return { item, value: await wish.value.prepare(heads) };
  } catch (error) {
    return { item, error: pushError(context, error, { r: item.r }) };
  }
}

function place(context: LiveContext, session: Session, step: Step<Prepared>): Step<Placed> {
  if (step.error) return step;
  return attempt(context, step.item, () => step.value.place(session));
}

function attempt<T>(context: LiveContext, item: Wished, run: () => T): Step<T> {
  try {
    return { item, value: run() };
  } catch (error) {
    return { item, error: pushError(context, error, { r: item.r }) };
  }
}

function* startAll(starts: readonly (() => void)[]): Steps {
  for (const start of starts) {
    start();
    yield;
  }
}

/** What came of the items so far. */
class Answer implements SubscribeAnswer {
  readonly #parts: SubscribeParts;
  readonly #subscriptions: JsonObject[] = [];
  readonly #failures: JsonObject[] = [];
  readonly #starts: (() => void)[] = [];

  get body(): JsonObject {
    const failures = this.#failures;
    const subscriptions = this.#subscriptions;
    return failures.length > 0 ? { subscriptions, failures } : { subscriptions };
  }

  constructor(parts: SubscribeParts) {
    this.#parts = parts;
  }

  /** In several turns where they are many (rule LIM43). */
  readonly start = (): void => {
    const { activity, context } = this.#parts;
    activity.during(context.slice.run(startAll(this.#starts)));
  };

  add(placed: readonly Step<Placed>[]): void {
    for (const { item, ...step } of placed) {
      if (step.error) this.#failures.push(failureOf(item, step.error));
      else {
        const { key, fields, view, start } = step.value;
        this.#subscriptions.push({ r: key, fields: [...fields], view });
        if (start) this.#starts.push(start);
      }
    }
  }
}

function failureOf({ r, target }: Wished, error: ProtocolError): JsonObject {
  return {
    r: target?.r ?? r,
    error: { ...error.toJSON() },
    ...(error.meta && { meta: { ...error.meta } }),
  };
}
