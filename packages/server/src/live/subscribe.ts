import { fail, type JsonObject, type ProtocolError } from '@really/protocol';
import { unavailable } from '../objects/unavailable.js';
import type { Steps } from '../platform/scheduling/tick-slice.js';
import type { InFlight } from './catch-up/in-flight.js';
import {
  type CollectionSubscribeDeps,
  CollectionSubscribeRequest,
  collectionSubscribeOptions,
} from './collection/collection-subscribe-request.js';
import type { LiveContext } from './live-context.js';
import {
  type ObjectSubscribeDeps,
  ObjectSubscribeRequest,
} from './object/object-subscribe-request.js';
import { pushError } from './push/push-error.js';
import type { LiveSession } from './registry/live-session.js';
import {
  type AuthorizedItem,
  type ItemSubscribeRequest,
  type RegisteredItem,
  type RequestedSubscription,
  requestedFields,
  requireModel,
  type StoredObjectsByR,
  type SubscribeRequestItem,
} from './subscribe-checks.js';

export interface SubscribeDeps {
  readonly context: LiveContext;
  readonly inFlight: InFlight;
  readonly objects: ObjectSubscribeDeps;
  readonly collections: CollectionSubscribeDeps;
}

export interface SubscribeResult {
  /** `subscriptions`, and `failures` where there are any. */
  readonly body: JsonObject;
  /** To be called when the answer is queued: pushes may flow from then on. */
  readonly start: () => void;
}

/** An item, with what came of it so far or why nothing does. */
type ItemOutcome<T> = { readonly item: RequestedSubscription } & (
  | { readonly value: T; readonly error?: undefined }
  | { readonly error: ProtocolError }
);

/** How often the models may change while subscriptions are being made. */
const maxAttempts = 5;

/** Items that are looked at together: enough to share the way to the store, few enough that little is held for them. */
const together = 256;

/** Rule SUB1: makes the subscriptions that can be made; what is wrong with one does not touch the others. */
export async function subscribe(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly RequestedSubscription[],
): Promise<SubscribeResult> {
  const { slice } = deps.context;
  const result = new Answer(deps);
  for (let first = 0; first < items.length; first += together) {
    const some = items
      .slice(first, first + together)
      .map((item, at) => ({ item, index: first + at }));
    await attempts(deps, session, some, result);
    if (slice.isOver) await slice.rest();
  }
  return result;
}

/** Throws 503 where the models change all the time, unless some of the subscriptions were made already: then the others have failed. */
async function attempts(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly SubscribeRequestItem[],
  result: Answer,
): Promise<void> {
  for (let attempts = 1; attempts < maxAttempts; attempts++) {
    const registered = await attemptAll(deps, session, items);
    if (registered) return result.add(registered);
  }
  if (items[0]?.index === 0) throw unavailable();
  result.add(items.map(({ item }) => ({ item, error: unavailable() })));
}

/** `undefined` where other models are in force by now than those that it was judged by. */
async function attemptAll(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly SubscribeRequestItem[],
): Promise<ItemOutcome<RegisteredItem>[] | undefined> {
  const { context } = deps;
  const models = context.models();
  const requests = items.map((outcome) =>
    attempt(context, outcome.item, () => requestFor(deps, session, outcome)),
  );
  try {
    // Read only now that no change of any of these objects goes by unnoticed any more.
    const heads = readHeads(context, requests);
    const authorized = await Promise.all(
      requests.map((request) => authorizeItem(context, request, heads)),
    );
    if (context.models() !== models) return undefined;
    return session.dropped
      ? []
      : authorized.map((outcome) => registerItem(context, session, outcome));
  } finally {
    for (const request of requests) if (!request.error) request.value.release();
  }
}

function requestFor(
  deps: SubscribeDeps,
  session: LiveSession,
  { item, index }: SubscribeRequestItem,
): ItemSubscribeRequest {
  const { target } = item;
  if (!target) throw fail('r.invalid');
  if (target.kind === 'object') {
    return new ObjectSubscribeRequest(deps.objects, session, target, { item, index });
  }
  const model = requireModel(deps.context, target.names);
  const fields = requestedFields(model, item.fields, `body.subscriptions[${index}].fields`);
  const options = collectionSubscribeOptions(target, { ...item, fields }, index);
  return new CollectionSubscribeRequest(deps.collections, session, options);
}

async function readHeads(
  { store }: LiveContext,
  requests: readonly ItemOutcome<ItemSubscribeRequest>[],
): Promise<StoredObjectsByR> {
  const rs = new Set<string>();
  for (const { item, error } of requests) {
    if (!error && item.target?.kind === 'object') rs.add(item.target.r);
  }
  const asked = [...rs];
  const objects = asked.length > 0 ? await store.getMany(asked) : [];
  return new Map(asked.map((r, index) => [r, objects[index]]));
}

async function authorizeItem(
  context: LiveContext,
  request: ItemOutcome<ItemSubscribeRequest>,
  heads: Promise<StoredObjectsByR>,
): Promise<ItemOutcome<AuthorizedItem>> {
  if (request.error) return request;
  const { item } = request;
  try {
    return { item, value: await request.value.authorize(heads) };
  } catch (error) {
    return { item, error: pushError(context, error, { r: item.r }) };
  }
}

function registerItem(
  context: LiveContext,
  session: LiveSession,
  outcome: ItemOutcome<AuthorizedItem>,
): ItemOutcome<RegisteredItem> {
  if (outcome.error) return outcome;
  return attempt(context, outcome.item, () => outcome.value.register(session));
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

function* startAll(starts: readonly (() => void)[]): Steps {
  for (const start of starts) {
    start();
    yield;
  }
}

/** What came of the items so far. */
class Answer implements SubscribeResult {
  readonly #deps: SubscribeDeps;
  readonly #subscriptions: JsonObject[] = [];
  readonly #failures: JsonObject[] = [];
  readonly #starts: (() => void)[] = [];

  get body(): JsonObject {
    const failures = this.#failures;
    const subscriptions = this.#subscriptions;
    return failures.length > 0 ? { subscriptions, failures } : { subscriptions };
  }

  constructor(deps: SubscribeDeps) {
    this.#deps = deps;
  }

  /** In several turns where they are many (rule LIM43). */
  readonly start = (): void => {
    const { inFlight, context } = this.#deps;
    inFlight.during(context.slice.run(startAll(this.#starts)));
  };

  add(registered: readonly ItemOutcome<RegisteredItem>[]): void {
    for (const { item, ...outcome } of registered) {
      if (outcome.error) this.#failures.push(failureOf(item, outcome.error));
      else {
        const { key, fields, view, start } = outcome.value;
        this.#subscriptions.push({ r: key, fields: [...fields], view });
        if (start) this.#starts.push(start);
      }
    }
  }
}

function failureOf({ r, target }: RequestedSubscription, error: ProtocolError): JsonObject {
  return {
    r: target?.r ?? r,
    error: { ...error.toJSON() },
    ...(error.meta && { meta: { ...error.meta } }),
  };
}
