import { retryDelay } from '../connection/backoff.js';
import { clientError, type ReallyError, serverError } from '../really-error.js';
import type { WireMessage } from '../wire-message.js';
import type { FeedContext } from './feed-context.js';
import type { LiveStatus } from './live-snapshot.js';

/** A feed of a registry, which has it by its key. */
interface KeyedFeed {
  readonly key: string;
  holders: number;
  readonly status: LiveStatus;
  fail(error: ReallyError): void;
  receive(message: WireMessage): void;
  down(): void;
  forget(): void;
  end(): void;
}

/** The feeds of one kind: one for each object or query, however many live copies of the app want it. */
export abstract class FeedRegistry<Kind extends KeyedFeed> {
  protected readonly context: FeedContext;
  protected readonly feeds = new Map<string, Kind>();
  /** Subscriptions that are given up, without an answer to that yet. */
  protected readonly leaving = new Set<string>();

  #isClosed = false;

  constructor(context: FeedContext) {
    this.context = context;
  }

  /** Ends what the server has of it. */
  protected abstract leave(feed: Kind): void;

  /** `open`: makes the feed, and asks for what it needs, once it is known here. */
  protected share(key: string, make: () => Kind, open: (feed: Kind) => void): Kind {
    let feed = this.feeds.get(key);
    if (!feed) {
      feed = make();
      this.feeds.set(key, feed);
      if (this.#isClosed) failLoading(feed);
      else open(feed);
    }
    feed.holders += 1;
    return feed;
  }

  release(feed: Kind): void {
    feed.holders -= 1;
    if (feed.holders > 0) return;
    feed.end();
    this.feeds.delete(feed.key);
    this.leave(feed);
  }

  /** The next session is of another user. */
  forget(): void {
    for (const feed of this.feeds.values()) feed.forget();
  }

  down(): void {
    for (const feed of this.feeds.values()) feed.down();
  }

  /** There will be no session any more. */
  close(): void {
    this.#isClosed = true;
    for (const feed of this.feeds.values()) failLoading(feed);
  }

  /** Gives a push to its feed. Returns the error where the server ended the subscription with it. */
  protected pass(message: WireMessage, feed: Kind): ReallyError | undefined {
    const { evt, error, r, meta } = message;
    if (evt === 'failed' && error) {
      feed.down();
      return serverError(error, r, meta?.retryAfter);
    }
    feed.receive(message);
    return undefined;
  }

  /** Asks for it again later, as the server says. */
  protected later(seconds: number | undefined, run: () => void): void {
    const { platform } = this.context;
    platform.setTimer(retryDelay(platform, seconds), run);
  }

  protected unsubscribe(subscriptions: readonly string[]): void {
    for (const id of subscriptions) this.leaving.add(id);
    const { requests } = this.context;
    if (subscriptions.length === 0 || !requests.isUp) return;
    requests.start({ cmd: 'unsubscribe', body: { subscriptions } }, ({ kind }) => {
      if (kind !== 'lost') for (const id of subscriptions) this.leaving.delete(id);
    });
  }
}

function failLoading(feed: KeyedFeed): void {
  if (feed.status === 'loading') feed.fail(clientError('connection.closed'));
}
