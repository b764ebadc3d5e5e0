import { CompactMap } from './compact-map.js';
import {
  type GroupMember,
  SubscriberGroup,
  type SubscriberGroupTraits,
} from './subscriber-group.js';

/** What the topics of objects and collections have in common: their subscribers, in groups. */
export class GroupedTopic<M extends GroupMember> {
  /** The printed R, as subscribed. */
  readonly r: string;
  readonly groups = new CompactMap<SubscriberGroup<M, this>>();
  /** Subscribe requests that rely on what was applied so far. */
  retainCount = 0;

  constructor(r: string) {
    this.r = r;
  }

  get isEmpty(): boolean {
    return this.groups.size === 0;
  }

  /** A copy, safe to iterate while they end. */
  subscriptions(): M[] {
    return this.groups.values().flatMap(({ members }) => members);
  }

  group(traits: SubscriberGroupTraits): SubscriberGroup<M, this> {
    const known = this.groups.get(traits.key);
    if (known) return known;
    const group = new SubscriberGroup<M, this>(this, traits);
    this.groups.add(group);
    return group;
  }
}
