import type { ClientPlatform } from '../client-platform.js';
import type { Requests } from '../requests/requests.js';
import type { CopyStore } from '../store/copy-store.js';
import type { OwnWrites } from './ask-again.js';
import type { MakeList } from './live-list-feed.js';

export interface FeedContext {
  readonly platform: ClientPlatform;
  readonly requests: Requests;
  readonly store: CopyStore;
  /** Milliseconds for an answer, where a request has no time limit of its own. */
  readonly timeout: number;
  readonly writes: () => OwnWrites;
  readonly makeList?: MakeList | undefined;
}
