import type { JsonObject } from '@really/protocol/client';
import { errorText, isTooLarge, type ReallyError } from '../really-error.js';
import { type ListQuery, readOptions } from '../requests/list-query.js';
import type { WireMessage } from '../wire-message.js';
import { askAgain } from '../writes/ask-again.js';
import type { ClientWrite } from '../writes/client-write.js';
import { FeedRegistry } from './feed-registry.js';
import { withOrderedFields } from './list-order.js';
import { LiveListFeed } from './live-list-feed.js';

/** The live queries: one for each read, however many live lists of the app want it. */
export class ListFeeds extends FeedRegistry<LiveListFeed> {
  readonly #bySubscription = new Map<string, LiveListFeed>();

  hold(r: string, asked: ListQuery): LiveListFeed {
    const query = withOrderedFields(asked);
    const key = JSON.stringify([r, readOptions(query)]);
    const { store, makeList } = this.context;
    const make = () => {
      const options = { key, r, query, store, onGap: () => this.#refetch(feed) };
      const feed: LiveListFeed = makeList?.(options) ?? new LiveListFeed(options);
      return feed;
    };
    return this.share(key, make, (feed) => this.#subscribe(feed));
  }

  /** A write was drawn, or is not any longer. */
  wrote(write: ClientWrite, isDrawn: boolean): void {
    for (const feed of this.feeds.values()) feed.wrote(write, isDrawn);
  }

  up(isResumed: boolean): void {
    if (isResumed) this.unsubscribe([...this.leaving]);
    else {
      this.leaving.clear();
      this.#bySubscription.clear();
    }
    for (const feed of this.feeds.values()) {
      if (!isResumed) feed.subscription = undefined;
      if (feed.subscription !== undefined) feed.continued();
      else if (!isTooLarge(feed.error)) this.#subscribe(feed);
    }
  }

  receive(message: WireMessage): void {
    const subscription = message.meta?.subscription ?? '';
    const feed = this.#bySubscription.get(subscription);
    if (!feed) {
      // Of a read whose answer was lost: nobody wants it.
      if (!this.leaving.has(subscription)) this.unsubscribe([subscription]);
      return;
    }
    const error = this.pass(message, feed);
    if (!error) return;
    this.#bySubscription.delete(subscription);
    feed.subscription = undefined;
    // The position that the client has may still be good where the server's was not.
    if (error.message === 'position.gone') this.#subscribe(feed);
    else this.#failed(feed, error);
  }

  /** `isLast`: own writes are no reason to ask again. */
  #subscribe(feed: LiveListFeed, isLast = false): void {
    const { requests, writes } = this.context;
    if (!requests.isUp || feed.isRequested) return;
    feed.isRequested = true;
    feed.isAwaitingWrites = false;
    const { commits } = writes;
    const since = feed.pos;
    const cmdOpts = { ...readOptions(feed.query), subscribe: true, since };
    requests.start({ cmd: 'read', r: feed.r, cmdOpts }, (outcome) => {
      feed.isRequested = false;
      if (outcome.kind === 'lost') return;
      if (outcome.kind === 'answer') {
        this.#answered(feed, outcome.message, since !== undefined);
        return;
      }
      const again = () => {
        if (feed.isAwaitingWrites) this.#retry(feed, true);
      };
      const options = { context: this.context, before: commits, again };
      feed.isAwaitingWrites = !isLast && askAgain(outcome.error, options);
      if (!feed.isAwaitingWrites) this.#failed(feed, outcome.error);
    });
  }

  #answered(feed: LiveListFeed, { meta = {}, body = {} }: WireMessage, isContinued: boolean): void {
    const { subscription = '' } = meta;
    feed.subscription = subscription;
    // Closed meanwhile.
    if (this.feeds.get(feed.key) !== feed) {
      this.leave(feed);
      return;
    }
    this.#bySubscription.set(subscription, feed);
    if (isContinued) feed.continued();
    else feed.loaded((body.items as { body: JsonObject }[]).map((item) => item.body));
  }

  #failed(feed: LiveListFeed, error: ReallyError): void {
    if (this.feeds.get(feed.key) !== feed) return;
    if (error.message === 'position.gone') {
      feed.pos = undefined;
      this.#subscribe(feed);
    } else if (error.retry === 'backoff') {
      this.later(error.retryAfter, () => this.#retry(feed));
    } else {
      this.context.platform.warn(errorText(error));
      feed.fail(error);
    }
  }

  #retry(feed: LiveListFeed, isLast = false): void {
    if (this.feeds.get(feed.key) === feed && feed.subscription === undefined) {
      this.#subscribe(feed, isLast);
    }
  }

  /** A push was missed: the list is read again. */
  #refetch(feed: LiveListFeed): void {
    if (feed.isRequested) return;
    this.leave(feed);
    feed.down();
    feed.pos = undefined;
    this.#subscribe(feed);
  }

  protected leave(feed: LiveListFeed): void {
    const { subscription } = feed;
    if (subscription === undefined) return;
    feed.subscription = undefined;
    this.#bySubscription.delete(subscription);
    this.unsubscribe([subscription]);
  }
}
