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
import { windowLimitRequest } from './query/window-limit-request.js';
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
  const command = new SubscribeCommand(deps, session);
  await command.run(items);
  return command;
}

/** One subscribe command, and its results. */
class SubscribeCommand implements SubscribeResult {
  readonly #deps: SubscribeDeps;
  readonly #context: LiveContext;
  readonly #session: LiveSession;
  readonly subscriptions: RegisteredItem[] = [];
  readonly failures: FailedItem[] = [];
  /** Resolves when more may be read for the client. */
  #rateWait: Promise<void> | undefined;

  constructor(deps: SubscribeDeps, session: LiveSession) {
    this.#deps = deps;
    this.#context = deps.context;
    this.#session = session;
  }

  async run(items: readonly RequestedSubscription[]): Promise<void> {
    const { slice } = this.#context;
    for (let first = 0; first < items.length; first += batchSize) {
      const batch = items
        .slice(first, first + batchSize)
        .map((item, at) => ({ item, index: first + at }));
      if (slice.isOver) await slice.rest(this.#session.pushTarget.address);
      await this.#runBatch(batch);
      await this.#rateWait;
      if (this.#session.dropped) return;
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

  /** Throws 503 if the models keep changing and no item was registered yet; later items fail alone. */
  async #runBatch(items: readonly SubscribeRequestItem[]): Promise<void> {
    const readsObjects = items.some(({ item }) => item.target?.kind === 'object');
    let attempts = 1;
    while (attempts < maxAttempts) {
      // Outside of the attempts: it may take long, and what was authorized before would not hold.
      if (readsObjects && !this.#session.dropped) await this.#session.pushTarget.untilPaid?.();
      const registered = await this.#tryBatch(items);
      if (registered === 'in debt') continue;
      if (registered) return this.#add(registered);
      attempts += 1;
    }
    if (items[0]?.index === 0) throw unavailable();
    this.#add(items.map(({ item }) => ({ item, error: unavailable() })));
  }

  #add(registered: readonly ItemOutcome<RegisteredItem>[]): void {
    for (const { item, ...outcome } of registered) {
      if (outcome.error) this.failures.push({ r: item.target?.r ?? item.r, error: outcome.error });
      else this.subscriptions.push(outcome.value);
    }
  }

  /**
   * `undefined` if the models, or what rights depend on, changed after the items were authorized;
   * `in debt` if nothing was read since its client has to pay first.
   */
  async #tryBatch(
    items: readonly SubscribeRequestItem[],
  ): Promise<ItemOutcome<RegisteredItem>[] | 'in debt' | undefined> {
    const models = this.#context.models();
    const authorizedAt = rightsTimes(this.#context, items);
    const requests = items.map((requested) =>
      this.#attempt(requested.item, () => this.#requestFor(requested)),
    );
    try {
      // Read after the topics are retained, so that no change of these objects is missed.
      const headOf = await this.#readHeads(requests);
      if (!headOf) return 'in debt';
      const outcomes = requests.map((request) => this.#authorize(request, headOf));
      const authorized = await settled(outcomes);
      if (this.#context.models() !== models) return undefined;
      if (rightsTimes(this.#context, items) !== authorizedAt) return undefined;
      if (this.#session.dropped) return [];
      return authorized.map((outcome) =>
        outcome.error ? outcome : this.#attempt(outcome.item, outcome.value),
      );
    } finally {
      for (const request of requests) if (!request.error) request.value.release();
    }
  }

  #requestFor({ item, index }: SubscribeRequestItem): ItemSubscribeRequest {
    const [deps, session] = [this.#deps, this.#session];
    const { target } = item;
    if (!target) {
      const isWindow = session.subscriptions.get(item.r)?.kind === 'query';
      if (!isWindow && item.limit === undefined) throw fail('r.invalid');
      return windowLimitRequest(deps, session, { item, index });
    }
    if (item.limit !== undefined)
      throw fail.invalid(`body.subscriptions[${index}].limit`, 'only.of.queries');
    return target.kind === 'object'
      ? new ObjectSubscribeRequest(deps, session, target, { item, index })
      : new CollectionSubscribeRequest(deps, session, target, { item, index });
  }

  /** Never rejects: collections and queries do not need it. `undefined` if its client has to pay first. */
  async #readHeads(
    requests: readonly ItemOutcome<ItemSubscribeRequest>[],
  ): Promise<HeadOf | undefined> {
    const rs = new Set<string>();
    for (const { item, error } of requests) {
      if (!error && item.target?.kind === 'object') rs.add(item.target.r);
    }
    const byR = new Map<string, StoredObject>();
    try {
      const heads = rs.size > 0 ? await this.#paidHeads([...rs]) : [];
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
   * Users take turns, and the sessions of each, as in every read for subscriptions (rule LIM43).
   * Those that begin at the same time all find their client without debts, so each looks again when
   * it is its turn: `undefined` if there are some.
   */
  async #paidHeads(
    rs: readonly string[],
  ): Promise<readonly (StoredObject | undefined)[] | undefined> {
    const { objects, limiter, slice } = this.#context;
    const { pushTarget, usage, dropped } = this.#session;
    if (dropped) return [];
    // Not in the queue of its address: it has a turn that others wait for.
    const pause = () => (slice.isOver ? slice.rest() : undefined);
    const read = async () => {
      if (pushTarget.untilPaid?.()) return undefined;
      const found = await objects.heads(rs, pause);
      for (const head of found) {
        if (head) this.#rateWait = pushTarget.charge?.(estimateBytes(head.data)) ?? this.#rateWait;
      }
      return found;
    };
    return await limiter.schedule(this.#session, read, usage.owner);
  }

  #authorize(
    request: ItemOutcome<ItemSubscribeRequest>,
    headOf: HeadOf,
  ): ItemOutcome<RegisterItem> | Promise<ItemOutcome<RegisterItem>> {
    if (request.error) return request;
    const { item } = request;
    try {
      const value = request.value.authorize(headOf);
      if (!(value instanceof Promise)) return { item, value };
      return value.then(
        (late) => ({ item, value: late }),
        (error: unknown) => this.#failed(item, error),
      );
    } catch (error) {
      return this.#failed(item, error);
    }
  }

  #attempt<T>(item: RequestedSubscription, run: () => T): ItemOutcome<T> {
    try {
      return { item, value: run() };
    } catch (error) {
      return this.#failed(item, error);
    }
  }

  #failed(item: RequestedSubscription, error: unknown): ItemOutcome<never> {
    return { item, error: pushError(this.#context, error, { r: item.r }) };
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
