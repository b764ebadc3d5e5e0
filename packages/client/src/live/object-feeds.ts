import type { ErrorBody, JsonObject } from '@really/protocol/client';
import { errorText, type ReallyError, serverError } from '../really-error.js';
import type { WireMessage } from '../wire-message.js';
import { askAgain } from '../writes/ask-again.js';
import type { ClientWrite } from '../writes/client-write.js';
import { FeedRegistry } from './feed-registry.js';
import { LiveObjectFeed } from './live-object-feed.js';

/** Subscriptions in one message. */
const mostInMessage = 500;

interface SubscribeAnswer {
  readonly subscriptions: readonly { readonly r: string; readonly view: string }[];
  readonly failures?: readonly { readonly r: string; readonly error: ErrorBody }[];
}

/** The subscriptions to objects: one for each, however many live copies of the app want it. */
export class ObjectFeeds extends FeedRegistry<LiveObjectFeed> {
  #isFlushing = false;

  hold(r: string): LiveObjectFeed {
    const make = () => {
      const feed: LiveObjectFeed = new LiveObjectFeed(r, this.context.store, {
        onGap: () => this.#refetch(feed),
        onFound: () => this.#tryAgain(feed),
      });
      return feed;
    };
    return this.share(r, make, () => this.#flushSoon());
  }

  up(isResumed: boolean): void {
    if (isResumed) this.unsubscribe([...this.leaving]);
    else this.leaving.clear();
    for (const feed of this.feeds.values()) {
      feed.isGivenUp = false;
      feed.isAskedAgain = false;
      feed.isAwaitingWrites = false;
      feed.isMissing = false;
      if (!isResumed) feed.isOnServer = false;
      if (feed.isOnServer) feed.resumed();
    }
    this.#flush();
  }

  override down(): void {
    for (const feed of this.feeds.values()) {
      // Perhaps the server has it, and said so in vain: then subscribing again would bring nothing.
      if (feed.isRequested) this.leaving.add(feed.key);
    }
    super.down();
  }

  /** What was deleted in the last store may be there in this one. */
  storeChanged(): void {
    for (const feed of this.feeds.values()) if (feed.status === 'deleted') feed.forget();
  }

  /** A write of this client has ended: what it was to create is tried again where that failed before. */
  settled({ commands }: ClientWrite): void {
    for (const { cmd, r } of commands) {
      const feed = this.feeds.get(r);
      if (cmd === 'create' && feed && !feed.isOnServer) this.#tryAgain(feed);
    }
  }

  #tryAgain(feed: LiveObjectFeed): void {
    feed.isGivenUp = false;
    feed.isAwaitingWrites = false;
    this.#flushSoon();
  }

  receive(message: WireMessage): void {
    const feed = this.feeds.get(message.r ?? '');
    if (!feed?.isOnServer) return;
    const error = this.pass(message, feed);
    if (!error) return;
    feed.isOnServer = false;
    this.#failed(feed, error);
  }

  /** Together with everything else that is asked for in this turn. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (!this.context.requests.isUp) return;
    const wanted = [...this.feeds.values()].filter((feed) => {
      const isPresent = feed.isOnServer || feed.isRequested || feed.isGivenUp;
      return !isPresent && feed.status !== 'deleted';
    });
    for (let start = 0; start < wanted.length; start += mostInMessage) {
      this.#subscribe(wanted.slice(start, start + mostInMessage));
    }
  }

  #subscribe(feeds: readonly LiveObjectFeed[]): void {
    const subscriptions = feeds.map(({ key: r, rev, view }) => {
      return rev === undefined ? { r } : { r, rev, view };
    });
    for (const feed of feeds) feed.isRequested = true;
    const { commits } = this.context.writes;
    this.context.requests.start({ cmd: 'subscribe', body: { subscriptions } }, (outcome) => {
      // In the next session it is asked for again.
      if (outcome.kind === 'lost') return;
      if (outcome.kind === 'answer') this.#answered(feeds, outcome.message.body ?? {}, commits);
      else for (const feed of feeds) this.#refused(feed, outcome.error, commits);
    });
  }

  /** `commits`: of own writes, when it was asked for. */
  #answered(feeds: readonly LiveObjectFeed[], body: JsonObject, commits: number): void {
    const { subscriptions, failures = [] } = body as unknown as SubscribeAnswer;
    const views = new Map(subscriptions.map(({ r, view }) => [r, view]));
    const errors = new Map(failures.map(({ r, error }) => [r, error]));
    for (const feed of feeds) {
      const [view, error] = [views.get(feed.key), errors.get(feed.key)];
      const isContinued = feed.rev !== undefined && view === feed.view;
      if (view !== undefined) feed.subscribed(view, isContinued);
      else if (error) this.#refused(feed, serverError(error, feed.key), commits);
    }
  }

  #refused(feed: LiveObjectFeed, error: ReallyError, commits: number): void {
    const isFirst = feed.isBeingCreated || !feed.isAskedAgain;
    const again = () => {
      if (feed.isAwaitingWrites) this.#tryAgain(feed);
    };
    const options = { context: this.context, before: commits, again };
    if (!isFirst || !askAgain(error, options)) {
      this.#failed(feed, error);
      return;
    }
    feed.isRequested = false;
    feed.isGivenUp = true;
    feed.isAskedAgain = true;
    feed.isAwaitingWrites = true;
  }

  #failed(feed: LiveObjectFeed, error: ReallyError): void {
    feed.isRequested = false;
    const { message } = error;
    if (message === 'object.revision.unknown' || message === 'position.gone') {
      feed.startOver();
      this.#flushSoon();
    } else if (message === 'object.gone') {
      feed.gone();
    } else if (error.retry === 'backoff') {
      this.later(error.retryAfter, () => this.#flush());
    } else {
      feed.isGivenUp = true;
      feed.isMissing = message === 'object.missing';
      // That an object is not there may well be.
      if (error.code !== 404) this.context.platform.warn(errorText(error));
      feed.fail(error);
    }
  }

  /** A push skipped a revision: the object is fetched again. */
  #refetch(feed: LiveObjectFeed): void {
    // What comes with the answer is complete, or skips a revision again. An `unsubscribe` would come behind it.
    if (feed.isRequested) return;
    this.leave(feed);
    feed.down();
    feed.startOver();
    this.#flushSoon();
  }

  protected leave({ key, isOnServer, isRequested }: LiveObjectFeed): void {
    if (isOnServer || isRequested) this.unsubscribe([key]);
  }
}
