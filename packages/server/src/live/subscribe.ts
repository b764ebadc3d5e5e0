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
  /** `subscriptions`, and `failures` if there are any. */
  readonly body: JsonObject;
  /** Call when the response is queued: starts the pushes. */
  readonly start: () => void;
}

/** An item with its result so far, or the error that ended it. */
type ItemOutcome<T> = { readonly item: RequestedSubscription } & (
  | { readonly value: T; readonly error?: undefined }
  | { readonly error: ProtocolError }
);

/** Attempts while the models change during a subscribe. */
const maxAttempts = 5;

/** Items per batch: enough to share store reads, few enough to bound memory. */
const batchSize = 256;

/** Rule SUB1: a failed item does not affect the others. */
export async function subscribe(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly RequestedSubscription[],
): Promise<SubscribeResult> {
  const { slice } = deps.context;
  const result = new SubscribeResponse(deps);
  for (let first = 0; first < items.length; first += batchSize) {
    const batch = items
      .slice(first, first + batchSize)
      .map((item, at) => ({ item, index: first + at }));
    await subscribeBatch(deps, session, batch, result);
    if (slice.isOver) await slice.rest();
  }
  return result;
}

/**
 * Throws 503 if the models keep changing and no item was registered yet; later items fail
 * individually.
 */
async function subscribeBatch(
  deps: SubscribeDeps,
  session: LiveSession,
  items: readonly SubscribeRequestItem[],
  result: SubscribeResponse,
): Promise<void> {
  for (let attempts = 1; attempts < maxAttempts; attempts++) {
    const registered = await tryBatch(deps, session, items);
    if (registered) return result.add(registered);
  }
  if (items[0]?.index === 0) throw unavailable();
  result.add(items.map(({ item }) => ({ item, error: unavailable() })));
}

/** `undefined` if the models changed after the items were authorized. */
async function tryBatch(
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
    // Read after the topics are retained, so that no change of these objects is missed.
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
  const requested = [...rs];
  const objects = requested.length > 0 ? await store.getMany(requested) : [];
  return new Map(requested.map((r, index) => [r, objects[index]]));
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

/** Collects the results of the items. */
class SubscribeResponse implements SubscribeResult {
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

  /** Yields the event loop if there are many (rule LIM43). */
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
