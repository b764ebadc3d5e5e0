import '../live/mod.js';
import { LiveListFeed, type MakeList } from '../live/live-list-feed.js';
import { localFilter } from './local-filter.js';
import { OptimisticListFeed } from './optimistic-list-feed.js';

/**
 * Live lists that show own writes at once: what is created, changed or deleted enters, moves or leaves before the
 * server says so: `new Really(url, { rql: rql() })`. Rule TSC15.
 */
export function rql(): MakeList {
  return (options) => {
    const matches = localFilter(options.query);
    return matches ? new OptimisticListFeed(options, matches) : new LiveListFeed(options);
  };
}

export { localFilter } from './local-filter.js';
