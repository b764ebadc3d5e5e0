import type { PartContext } from '../part-context.js';
import type { CopyStore } from '../store/copy-store.js';

export interface FeedContext extends PartContext {
  readonly store: CopyStore;
}
