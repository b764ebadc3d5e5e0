import { fail, type ProtocolError } from '@really/protocol';
import { estimateBytes } from '../objects/estimate-bytes.js';
import { unavailable } from '../objects/unavailable.js';
import type { Steps } from '../platform/scheduling/tick-slice.js';
import type { StoredObject } from '../store/stored-object.js';
import {
  type CollectionSubscribeDeps,
  CollectionSubscribeRequest,
} from './collection/collection-subscribe-request.js';
import { type LiveContext, modelOf } from './live-context.js';
import {
  type ObjectSubscribeDeps,
  ObjectSubscribeRequest,
} from './object/object-subscribe-request.js';
import { pushError } from './push/push-error.js';
import { WindowLimitRequest } from './query/window-limit-request.js';
import type { LiveSession } from './registry/live-session.js';
import type {
  HeadOf,
  ItemSubscribeRequest,
  RegisteredItem,
  RegisterItem,
  RequestedSubscription,
  SubscribedItem,
  SubscribeRequestItem,
} from './subscribe-checks.js';

export type SubscribeDeps = ObjectSubscribeDeps & CollectionSubscribeDeps;

export interface SubscribeResult {
  readonly subscriptions: readonly SubscribedItem[];
  readonly failures: readonly FailedItem[];
  /** Call when the response is queued: starts the pushes. */
  readonly start: () => void;
}

export interface FailedItem {
  /** As requested, if it is not an R. */
  readonly r: string;
  readonly error: ProtocolError;
}

/** An item with its result so far, or the error that ended it. */
type ItemOutcome<T> = { readonly item: RequestedSubscription } & (
  | { readonly value: T; readonly error?: undefined }
  | { readonly error: ProtocolError }
);

/** Attempts while the models change during a subscribe. */
const maxAttempts = 5;

/** Items read, kept and authorized in one turn: each object may be a megabyte. */
const batchSize = 8;

/** Rule SUB1: a failed item does not affect the others. */
export async function subscribe(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly RequestedSubscription[],
): Promise<SubscribeResult> {
  const { slice } = deps.context;
  const result = new SubscribeResults(deps.context, session);
  for (let first = 0; first < items.length; first += batchSize) {
    const batch = items
      .slice(first, first + batchSize)
      .map((item, at) => ({ item, index: first + at }));
    if (slice.isOver) await slice.rest(session.pushTarget.address);
    await subscribeBatch(deps, session, batch, result);
    await result.rateWait;
    if (session.dropped) break;
  }
  return result;
}

/** Throws 503 if the models keep changing and no item was registered yet; later items fail alone. */
async function subscribeBatch(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly SubscribeRequestItem[],
  result: SubscribeResults,
): Promise<void> {
  const readsObjects = items.some(({ item }) => item.target?.kind === 'object');
  let attempts = 1;
  while (attempts < maxAttempts) {
    // Outside of the attempts: it may take long, and what was authorized before would not hold.
    if (readsObjects && !session.dropped) await session.pushTarget.untilPaid?.();
    const registered = await tryBatch(deps, session, items, result);
    if (registered === 'in debt') continue;
    if (registered) return result.add(registered);
    attempts += 1;
  }
  if (items[0]?.index === 0) throw unavailable();
  result.add(items.map(({ item }) => ({ item, error: unavailable() })));
}

/**
 * `undefined` if the models, or what rights depend on, changed after the items were authorized; `in debt` if nothing
 * was read since its client has to pay first.
 */
async function tryBatch(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly SubscribeRequestItem[],
  result: SubscribeResults,
): Promise<ItemOutcome<RegisteredItem>[] | 'in debt' | undefined> {
  const { context } = deps;
  const models = context.models();
  const authorizedAt = rightsTimes(context, items);
  const requests = items.map((outcome) =>
    attempt(context, outcome.item, () => requestFor(deps, session, outcome)),
  );
  try {
    // Read after the topics are retained, so that no change of these objects is missed.
    const headOf = await readHeads(context, session, requests, result);
    if (!headOf) return 'in debt';
    const outcomes = requests.map((request) => authorizeItem(context, request, headOf));
    const authorized = await settled(outcomes);
    if (context.models() !== models) return undefined;
    if (rightsTimes(context, items) !== authorizedAt) return undefined;
    if (session.dropped) return [];
    return authorized.map((outcome) =>
      outcome.error ? outcome : attempt(context, outcome.item, outcome.value),
    );
  } finally {
    for (const request of requests) if (!request.error) request.value.release();
  }
}

/** Equal as long as what these items are authorized by is the same: times only grow. */
function rightsTimes(context: LiveContext, items: readonly SubscribeRequestItem[]): number {
  let sum = 0;
  for (const { item } of items) {
    const model = item.target && modelOf(context, item.target.names);
    if (model) sum += context.rightsClock.timeOf(model);
  }
  return sum;
}

/** Without a promise if there is none among them: there may be many. */
function settled<T>(outcomes: readonly (T | Promise<T>)[]): readonly T[] | Promise<T[]> {
  const isLate = outcomes.some((outcome) => outcome instanceof Promise);
  return isLate ? Promise.all(outcomes) : (outcomes as readonly T[]);
}

function requestFor(
  deps: SubscribeDeps,
  session: LiveSession,
  { item, index }: SubscribeRequestItem,
): ItemSubscribeRequest {
  const { target } = item;
  if (!target) {
    const isWindow = session.subscriptions.get(item.r)?.kind === 'query';
    if (!isWindow && item.limit === undefined) throw fail('r.invalid');
    return new WindowLimitRequest(deps, session, { item, index });
  }
  if (item.limit !== undefined)
    throw fail.invalid(`body.subscriptions[${index}].limit`, 'only.of.queries');
  return target.kind === 'object'
    ? new ObjectSubscribeRequest(deps, session, target, { item, index })
    : new CollectionSubscribeRequest(deps, session, target, { item, index });
}

/**
 * Users take turns, and the sessions of each, as in every read for subscriptions (rule LIM43). Never rejects: collections
 * and queries do not need it. `undefined` if its client has to pay first.
 */
async function readHeads(
  context: LiveContext,
  session: LiveSession,
  requests: readonly ItemOutcome<ItemSubscribeRequest>[],
  result: SubscribeResults,
): Promise<HeadOf | undefined> {
  const rs = new Set<string>();
  for (const { item, error } of requests) {
    if (!error && item.target?.kind === 'object') rs.add(item.target.r);
  }
  const byR = new Map<string, StoredObject>();
  try {
    const heads = rs.size > 0 ? await paidHeads(context, session, [...rs], result) : [];
    if (!heads) return undefined;
    for (const head of heads) if (head) byR.set(head.r, head);
  } catch (error) {
    return () => {
      throw error;
    };
  }
  return (r) => byR.get(r);
}

/**
 * Charged to its client. Those that begin at the same time all find it without debts, so each looks again when it is
 * its turn: `undefined` if there are some.
 */
async function paidHeads(
  { objects, limiter, slice }: LiveContext,
  session: LiveSession,
  rs: readonly string[],
  result: SubscribeResults,
): Promise<readonly (StoredObject | undefined)[] | undefined> {
  if (session.dropped) return [];
  // Not in the queue of its address: it has a turn that others wait for.
  const pause = () => (slice.isOver ? slice.rest() : undefined);
  const read = async () => {
    if (session.pushTarget.untilPaid?.()) return undefined;
    const found = await objects.heads(rs, pause);
    for (const head of found) result.charge(head);
    return found;
  };
  return await limiter.schedule(session, read, session.usage.owner);
}

function authorizeItem(
  context: LiveContext,
  request: ItemOutcome<ItemSubscribeRequest>,
  headOf: HeadOf,
): ItemOutcome<RegisterItem> | Promise<ItemOutcome<RegisterItem>> {
  if (request.error) return request;
  const { item } = request;
  const failed = (error: unknown) => ({ item, error: pushError(context, error, { r: item.r }) });
  try {
    const value = request.value.authorize(headOf);
    return value instanceof Promise
      ? value.then((late) => ({ item, value: late }), failed)
      : { item, value };
  } catch (error) {
    return failed(error);
  }
}

function attempt<T>(
  context: LiveContext,
  item: RequestedSubscription,
  run: () => T,
): ItemOutcome<T> {
  try {
    return { item, value: run() };
  } catch (error) {
    return { item, error: pushError(context, error, { r: item.r }) };
  }
}

/** Collects the results of the items. */
class SubscribeResults implements SubscribeResult {
  readonly #context: LiveContext;
  readonly #session: LiveSession;
  readonly subscriptions: RegisteredItem[] = [];
  readonly failures: FailedItem[] = [];
  /** Resolves when more may be read for the client. */
  rateWait: Promise<void> | undefined;

  constructor(context: LiveContext, session: LiveSession) {
    this.#context = context;
    this.#session = session;
  }

  /** For what was read. */
  charge(head: StoredObject | undefined): void {
    if (!head) return;
    this.rateWait = this.#session.pushTarget.charge?.(estimateBytes(head.data)) ?? this.rateWait;
  }

  add(registered: readonly ItemOutcome<RegisteredItem>[]): void {
    for (const { item, ...outcome } of registered) {
      if (outcome.error) this.failures.push({ r: item.target?.r ?? item.r, error: outcome.error });
      else this.subscriptions.push(outcome.value);
    }
  }

  /** Yields the event loop if there are many (rule LIM43). */
  readonly start = (): void => {
    const { inFlight, slice } = this.#context;
    inFlight.during(slice.run(this.#startAll(), this.#session.pushTarget.address));
  };

  *#startAll(): Steps {
    for (const { start } of this.subscriptions) {
      start?.();
      yield;
    }
  }
}
