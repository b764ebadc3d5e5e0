import type { JsonObject } from '@really/protocol/client';
import { retryDelay } from '../connection/backoff.js';
import { errorText, type ReallyError, serverError } from '../really-error.js';
import type { WireMessage } from '../wire-message.js';
import type { ClientWrite } from '../writes/client-write.js';
import { askAgain } from './ask-again.js';
import type { FeedContext } from './feed-context.js';
import { type ListQuery, readOptions, withOrderedFields } from './list-query.js';
import { LiveListFeed } from './live-list-feed.js';

/** The live queries: one for each read, however many live lists of the app want it. */
export class ListFeeds {
  readonly #context: FeedContext;
  readonly #feeds = new Map<string, LiveListFeed>();
  readonly #bySubscription = new Map<string, LiveListFeed>();
  /** Ids of subscriptions that are given up, without an answer to that yet. */
  readonly #leaving = new Set<string>();

  constructor(context: FeedContext) {
    this.#context = context;
  }

  hold(r: string, asked: ListQuery): LiveListFeed {
    const query = withOrderedFields(asked);
    const key = JSON.stringify([r, readOptions(query)]);
    let feed = this.#feeds.get(key);
    if (!feed) {
      const { store, makeList } = this.#context;
      const options = { key, r, query, store, onGap: () => this.#refetch(created) };
      const created: LiveListFeed = makeList?.(options) ?? new LiveListFeed(options);
      feed = created;
      this.#feeds.set(key, feed);
      this.#subscribe(feed);
    }
    feed.holders += 1;
    return feed;
  }

  release(feed: LiveListFeed): void {
    feed.holders -= 1;
    if (feed.holders > 0) return;
    feed.end();
    this.#feeds.delete(feed.key);
    this.#leave(feed);
  }

  /** A write was drawn, or is not any longer. */
  wrote(write: ClientWrite, isDrawn: boolean): void {
    for (const feed of this.#feeds.values()) feed.wrote(write, isDrawn);
  }

  /** The next session is of another user. */
  forget(): void {
    for (const feed of this.#feeds.values()) feed.forget();
  }

  up(isResumed: boolean): void {
    if (isResumed) this.#unsubscribe([...this.#leaving]);
    else {
      this.#leaving.clear();
      this.#bySubscription.clear();
    }
    for (const feed of this.#feeds.values()) {
      if (!isResumed) feed.subscription = undefined;
      if (feed.subscription === undefined) this.#subscribe(feed);
      else feed.continued();
    }
  }

  down(): void {
    for (const feed of this.#feeds.values()) feed.down();
  }

  receive(message: WireMessage): void {
    const subscription = message.meta?.subscription ?? '';
    const feed = this.#bySubscription.get(subscription);
    if (!feed) {
      // Of a read whose answer was lost: nobody wants it.
      if (!this.#leaving.has(subscription)) this.#giveUp(subscription);
      return;
    }
    if (message.evt !== 'failed' || !message.error) {
      feed.receive(message);
      return;
    }
    this.#bySubscription.delete(subscription);
    feed.subscription = undefined;
    const error = serverError(message.error, feed.r, message.meta?.retryAfter);
    // The position that the client has may still be good where the server's was not.
    if (error.message === 'position.gone') this.#subscribe(feed);
    else this.#failed(feed, error);
  }

  /** `isLast`: own writes are no reason to ask again. */
  #subscribe(feed: LiveListFeed, isLast = false): void {
    const { isConnected, requests, writes } = this.#context;
    if (!isConnected() || feed.isRequested) return;
    feed.isRequested = true;
    const { commits } = writes();
    const since = feed.pos;
    const cmdOpts = { ...readOptions(feed.query), subscribe: true, since };
    requests.start({ cmd: 'read', r: feed.r, cmdOpts }, (outcome) => {
      if (outcome.kind === 'lost') return;
      feed.isRequested = false;
      if (outcome.kind === 'answer') {
        this.#answered(feed, outcome.message, since !== undefined);
        return;
      }
      const again = () => this.#retry(feed, true);
      if (isLast || !askAgain(writes(), outcome.error, commits, again)) {
        this.#failed(feed, outcome.error);
      }
    });
  }

  #answered(feed: LiveListFeed, { meta = {}, body = {} }: WireMessage, isContinued: boolean): void {
    const { subscription = '' } = meta;
    feed.subscription = subscription;
    // Closed meanwhile.
    if (this.#feeds.get(feed.key) !== feed) {
      this.#leave(feed);
      return;
    }
    this.#bySubscription.set(subscription, feed);
    if (isContinued) feed.continued();
    else feed.loaded((body.items as { body: JsonObject }[]).map((item) => item.body));
  }

  #failed(feed: LiveListFeed, error: ReallyError): void {
    if (this.#feeds.get(feed.key) !== feed) return;
    if (error.message === 'position.gone') {
      feed.pos = undefined;
      this.#subscribe(feed);
    } else if (error.retry === 'backoff') {
      const wait = retryDelay(this.#context.platform, error.retryAfter);
      this.#context.platform.setTimer(wait, () => this.#retry(feed));
    } else {
      this.#context.platform.warn(errorText(error));
      feed.fail(error);
    }
  }

  #retry(feed: LiveListFeed, isLast = false): void {
    if (this.#feeds.get(feed.key) === feed && feed.subscription === undefined) {
      this.#subscribe(feed, isLast);
    }
  }

  /** A push was missed: the list is read again. */
  #refetch(feed: LiveListFeed): void {
    this.#leave(feed);
    feed.pos = undefined;
    this.#subscribe(feed);
  }

  #leave(feed: LiveListFeed): void {
    const { subscription } = feed;
    if (subscription === undefined) return;
    feed.subscription = undefined;
    this.#bySubscription.delete(subscription);
    this.#giveUp(subscription);
  }

  #giveUp(subscription: string): void {
    this.#leaving.add(subscription);
    this.#unsubscribe([subscription]);
  }

  #unsubscribe(subscriptions: readonly string[]): void {
    if (subscriptions.length === 0 || !this.#context.isConnected()) return;
    this.#context.requests.start({ cmd: 'unsubscribe', body: { subscriptions } }, ({ kind }) => {
      if (kind !== 'lost') for (const id of subscriptions) this.#leaving.delete(id);
    });
  }
}
