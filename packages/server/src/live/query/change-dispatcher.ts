import { estimateBytes } from '../../objects/estimate-bytes.js';
import type { Log } from '../../platform/log.js';
import { Fifo } from '../../platform/scheduling/fifo.js';
import type { CommittedChange, Pos } from '../../store/stored-object.js';
import type { LiveContext } from '../live-context.js';
import { fieldsAtOnce } from './index/query-index.js';
import type { QueryGroup } from './query-group.js';

/** A change, or a gap, at a position. */
export interface FeedEvent {
  readonly pos: Pos;
  /** The change; `undefined`: the groups have to read the store. */
  readonly change: CommittedChange | undefined;
  /** Nothing to deliver at this position. */
  readonly isNoop?: true | undefined;
}

type DispatchContext = Pick<LiveContext, 'slice' | 'inFlight'> & {
  readonly log: Pick<Log, 'error'>;
};

interface DispatchTarget {
  /** The groups that an event concerns, as of now; `undefined`: so far `fieldsAtOnce` fields were looked at. */
  readonly affectedGroups: (event: FeedEvent) => Iterable<QueryGroup | undefined>;
  /** Whether the group still exists and is not retired. */
  readonly isActive: (group: QueryGroup) => boolean;
}

/** See `affectedGroups`. */
type Groups = Iterator<QueryGroup | undefined>;

/** Queued events; beyond this they are replaced by a read of the store. */
const maxQueued = 4096;
/** Work between two looks at the clock. */
const workBetweenClockChecks = 1000;

/**
 * Dispatches changes to the groups they may concern, in the order of their positions. Usually
 * synchronous; long work is sliced (rule LIM17). Changes that arrive in between are queued. A group
 * that reads the store meanwhile has them already, and skips them by their positions.
 */
export class ChangeDispatcher {
  readonly #target: DispatchTarget;
  readonly #context: DispatchContext;
  readonly #waiting = new Fifo<FeedEvent>();
  /** Every change up to here was dispatched. */
  through: Pos = 0;
  #isYielding = false;
  #work = 0;

  constructor(target: DispatchTarget, context: DispatchContext) {
    this.#target = target;
    this.#context = context;
  }

  dispatch(event: FeedEvent): void {
    if (this.#isYielding) {
      const isFull = this.#waiting.size >= maxQueued;
      this.#waiting.push(isFull ? this.#gapAfter(event) : event);
      return;
    }
    const rest = this.#dispatchTo(event, this.#groupsOf(event));
    if (rest) void this.#dispatchRest(event, rest);
  }

  /** Takes what waits, and returns what makes all groups read the store instead. */
  #gapAfter({ pos }: FeedEvent): FeedEvent {
    let last = pos;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) last = next.pos;
    return { pos: Math.max(pos, last), change: undefined };
  }

  #groupsOf(event: FeedEvent): Groups {
    return this.#target.affectedGroups(event)[Symbol.iterator]();
  }

  /** The remaining groups when the slice is over; `undefined` when done. */
  #dispatchTo(event: FeedEvent, groups: Groups): Groups | undefined {
    let bytes: number | undefined;
    for (let next = groups.next(); !next.done; next = groups.next()) {
      const group = next.value;
      if (!group) this.#work += fieldsAtOnce;
      else if (this.#target.isActive(group)) {
        if (event.change) group.receive(event.change);
        else group.refresh();
        this.#work += group.traits.cost.work + group.subscribers;
        if (event.change && !group.scans.isEmpty) {
          bytes ??= estimateBytes(event.change.object.data);
          this.#work += group.scans.workFor(bytes);
        }
      }
      if (this.#work < workBetweenClockChecks) continue;
      this.#work = 0;
      if (this.#context.slice.isOver) return groups;
    }
    this.through = event.pos;
    return undefined;
  }

  async #dispatchRest(first: FeedEvent, remaining: Groups): Promise<void> {
    const { slice, inFlight, log } = this.#context;
    this.#isYielding = true;
    inFlight.begin();
    let event: FeedEvent | undefined = first;
    let groups: Groups | undefined = remaining;
    let missed: FeedEvent | undefined;
    try {
      while (event) {
        if (groups) await slice.rest();
        groups = this.#dispatchTo(event, groups ?? this.#groupsOf(event));
        if (!groups) event = this.#waiting.shift();
      }
    } catch (error) {
      log.error({ err: error }, 'a change could not be dispatched to live queries');
      missed = this.#gapAfter(event ?? first);
    }
    this.#isYielding = false;
    inFlight.end();
    if (missed) this.dispatch(missed);
  }
}
