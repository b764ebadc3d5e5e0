import { fail } from '@really/protocol';
import { ownerOf } from '../../queries/owner.js';
import type { LiveContext } from '../live-context.js';
import { visibleFields } from '../push/visibility.js';
import type { GroupReassignment } from '../registry/group-reassignment.js';
import type { LiveSession } from '../registry/live-session.js';
import {
  type ItemSubscribeRequest,
  type RegisteredItem,
  type RegisterItem,
  requireModel,
  type SubscribeRequestItem,
} from '../subscribe-checks.js';
import type { QuerySubscription } from './query-subscription.js';

interface WindowLimitDeps {
  readonly context: LiveContext;
  readonly reassignment: GroupReassignment;
}

/** A subscribe request with the id of a live query: raises the limit of its window (rule QRY9). */
export class WindowLimitRequest implements ItemSubscribeRequest {
  readonly #deps: WindowLimitDeps;
  readonly #subscription: QuerySubscription;
  readonly #limit: number;
  /** The path of the limit in the request, for the error. */
  readonly #path: string;

  /** Throws if the request is refused. */
  constructor(deps: WindowLimitDeps, session: LiveSession, { item, index }: SubscribeRequestItem) {
    const subscription = session.subscriptions.get(item.r);
    if (subscription?.kind !== 'query') throw fail('subscription.missing');
    const path = `body.subscriptions[${index}]`;
    if (item.fields) throw fail.invalid(`${path}.fields`, 'not.of.queries');
    if (item.limit === undefined) throw fail.invalid(`${path}.limit`, 'expected.integer');
    this.#deps = deps;
    this.#subscription = subscription;
    this.#limit = item.limit;
    this.#path = `${path}.limit`;
    this.#assertNotLower();
  }

  release(): void {}

  /** The new window is read as the first one was: its user waits for what earlier reads took. */
  async authorize(): Promise<RegisterItem> {
    const { pushTarget } = this.#subscription.session;
    await this.#deps.context.queryCharge?.paidOff(ownerOf(pushTarget));
    return () => this.#register();
  }

  #register(): RegisteredItem {
    const { context, reassignment } = this.#deps;
    const subscription = this.#subscription;
    if (subscription.progress === 'ended') throw fail('subscription.missing');
    // An item before this one may have raised it further.
    this.#assertNotLower();
    const model = requireModel(context, subscription.group.traits.scope.names);
    reassignment.changeLimit(subscription, model, this.#limit);
    const { fields, view } = subscription.group.traits;
    return { r: subscription.key, fields: visibleFields(model, { fields, hidden: [] }), view };
  }

  #assertNotLower(): void {
    const { limit: before } = this.#subscription.group.traits;
    if (this.#limit < before) throw fail.invalid(this.#path, `expected.from.${before}.to.1000`);
  }
}
