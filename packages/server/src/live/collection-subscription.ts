import type { Predicate } from '@really/protocol';
import type { Pos } from '../store/store.js';
import type { Audience } from './audience.js';
import type { CollectionTopic } from './collection-topic.js';
import type { Progress } from './object-subscription.js';
import type { Session } from './session.js';

/** What a subscription has besides when a read made it. */
export interface Watch {
  /** `meta.subscription`. */
  readonly id: string;
  /** The read's filter, on what the reader sees; `undefined`: everything. */
  readonly matches: Predicate | undefined;
}

/** What the answer of a read with `subscribe` showed: creations up to `through` of these are not told again. */
export interface Answered {
  readonly rs: ReadonlySet<string>;
  readonly through: Pos;
}

/** One connection's subscription to what is created in a collection. */
export class CollectionSubscription {
  readonly session: Session;
  audience: CollectionAudience;
  place = 0;
  progress: Progress = 'waiting';
  /** Its cursor: it has heard of all that was created up to this position and concerns it. */
  pos: Pos;
  readonly watch: Watch | undefined;
  /** Goes up whenever work for it that is under way has lost its point. */
  round = 0;
  #answered: Answered | undefined;

  constructor(
    session: Session,
    audience: CollectionAudience,
    from: { pos: Pos; watch?: Watch | undefined },
  ) {
    this.session = session;
    this.audience = audience;
    this.pos = from.pos;
    this.watch = from.watch;
  }

  /** Of a read with `subscribe`, before the first push. */
  answer(answered: Answered): void {
    if (answered.through > this.pos && answered.rs.size > 0) this.#answered = answered;
  }

  /** Whether the answer of its read showed what was created at this position. Positions only grow. */
  wasAnswered(r: string, pos: Pos): boolean {
    if (this.#answered && pos > this.#answered.through) this.#answered = undefined;
    return this.#answered?.rs.has(r) ?? false;
  }

  get kind(): 'collection' | 'query' {
    return this.watch ? 'query' : 'collection';
  }

  get topic(): CollectionTopic {
    return this.audience.topic;
  }

  get key(): string {
    return this.watch?.id ?? this.topic.r;
  }
}

export type CollectionAudience = Audience<CollectionSubscription, CollectionTopic>;
