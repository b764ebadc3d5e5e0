import { type Actor, fail } from '@really/protocol';
import { type View, visibleBody } from '../model/view.js';
import type { Span } from '../platform/tracing.js';
import type { Steps } from '../platform/turn-slice.js';
import type { CommittedChange, CreatedEntry, Pos, StoredObject } from '../store/store.js';
import type { CollectionAudience, CollectionSubscription } from './collection-subscription.js';
import type { CollectionTopic } from './collection-topic.js';
import type { Frame } from './frame.js';
import { judgeAudiences, type Verdict } from './judge.js';
import { type LiveContext, modelOf } from './live-context.js';
import type { Members } from './members.js';
import { type OwnMark, ownMarkOf } from './own-mark.js';
import { audienceWork } from './pace.js';
import type { Positions } from './position.js';
import { createdFrame } from './push-message.js';

/** An object that was created. */
export interface Creation {
  readonly pos: Pos;
  /** When it was created. */
  readonly at: number;
  /** As in `CommittedChange`. */
  readonly trace: string | undefined;
  readonly by: Actor;
  /** As in `Change`. */
  readonly once: string | undefined;
  /** As created, or, where it is told late, as it is now: rights are judged by it, and it is what is told. */
  readonly object: StoredObject;
}

function noteOf({ object, at, trace }: Creation) {
  return { r: object.r, at, trace };
}

export function creationOf(source: CommittedChange | CreatedEntry): Creation {
  const { pos, object } = source;
  const { by, at, once } = 'change' in source ? source.change : source;
  return { pos, at, by, once, object, trace: 'trace' in source ? source.trace : undefined };
}

/** Tells of objects that were created: judged and encoded once for each audience, in more than one turn of the event loop where these are many (rule LIM42). */
export class CollectionDelivery {
  readonly #context: LiveContext;
  readonly #members: Members;

  constructor(context: LiveContext, members: Members) {
    this.#context = context;
    this.#members = members;
  }

  /**
   * Tells everybody who is live: at once, where rights can be judged in place and not too many hear it; otherwise everybody has
   * heard it when the promise resolves.
   */
  tell(topic: CollectionTopic, creation: Creation): Promise<void> | undefined {
    return this.#context.slice.run(this.#tell(topic, creation));
  }

  *#tell(topic: CollectionTopic, creation: Creation): Steps {
    const model = modelOf(this.#context, topic.scope.names);
    if (!model) {
      const everybody = topic.audiences.values().flatMap(({ members }) => [...members]);
      this.#members.fail(everybody, fail('model.unknown'));
      return;
    }
    const { object, pos } = creation;
    const span = topic.isDeserted ? undefined : this.#context.notes.begin(noteOf(creation));
    const judged = { model, object, portion: this.#context.pace.audiences };
    const verdicts = yield* judgeAudiences(topic.audiences, judged, (one) => isBefore(one, pos));
    yield* this.#deliver(verdicts, creation, span);
  }

  /** Tells one subscription. False where its connection has to take some output first. */
  bring(one: CollectionSubscription, frames: CreationFrames): boolean {
    const frame = frames.frameFor(one);
    if (frame) {
      const { listener } = one.session;
      if (listener.congested) return false;
      listener.push(frames.mark ? frames.mark.frameFor(frame, listener) : frame);
      this.#context.metrics.pushes.add(1, 'created');
      one.view = one.audience.view;
    }
    one.pos = frames.pos;
    return true;
  }

  *#deliver(
    verdicts: readonly Verdict<CollectionAudience>[],
    creation: Creation,
    span: Span | undefined,
  ): Steps {
    const { pace } = this.#context;
    const { portion } = pace;
    let pushes = 0;
    for (const { audience, view } of verdicts) {
      const frames = new CreationFrames(this.#context, audience, { creation, view });
      if (pace.isDue(audienceWork)) yield;
      for (let end = audience.members.length; end > 0; end -= portion) {
        pushes += this.#spread(audience, frames, end);
        if (pace.isDue(Math.min(end, portion))) yield;
      }
    }
    this.#context.notes.told(noteOf(creation), pushes, span);
  }

  /** Tells a portion of an audience; the answer is how many were pushed to. */
  #spread({ members }: CollectionAudience, frames: CreationFrames, end: number): number {
    let pushes = 0;
    const begin = Math.max(0, end - this.#context.pace.portion);
    for (let index = Math.min(end, members.length) - 1; index >= begin; index--) {
      const one = members[index];
      if (!one || !isBefore(one, frames.pos)) continue;
      if (!this.bring(one, frames)) this.#pause(one, frames.pos);
      else if (frames.areSeen) pushes += 1;
    }
    return pushes;
  }

  /** Until here it has heard everything: it was live. */
  #pause(one: CollectionSubscription, before: Pos): void {
    one.progress = 'paused';
    one.pos = before - 1;
    this.#context.metrics.pauses.add();
  }
}

/** What those of one audience are sent of a creation. */
export class CreationFrames {
  readonly pos: Pos;
  /** For the author. */
  readonly mark: OwnMark | undefined;
  readonly #positions: Positions;
  readonly #audience: CollectionAudience;
  readonly #creation: Creation;
  /** `undefined`: they may not see it, and so it is not told. */
  readonly #hidden: readonly string[] | undefined;
  #shared: Frame | undefined;
  #underView: Frame | undefined;

  constructor(
    { positions }: { readonly positions: Positions },
    audience: CollectionAudience,
    { creation, view }: { creation: Creation; view: View },
  ) {
    this.#positions = positions;
    this.#audience = audience;
    this.#creation = creation;
    this.#hidden = view.kind === 'visible' ? view.hidden : undefined;
    this.pos = creation.pos;
    this.mark = ownMarkOf(creation);
  }

  /** Whether they may see it. */
  get areSeen(): boolean {
    return this.#hidden !== undefined;
  }

  /** One for all who know of their view; `undefined` where they may not see it. */
  frameFor({ view }: CollectionSubscription): Frame | undefined {
    if (!this.#hidden) return undefined;
    if (view !== this.#audience.view) {
      this.#underView ??= this.#encode(this.#hidden, true);
      return this.#underView;
    }
    this.#shared ??= this.#encode(this.#hidden, false);
    return this.#shared;
  }

  #encode(hidden: readonly string[], isOtherView: boolean): Frame {
    const { by, pos, object } = this.#creation;
    const { topic, fields, view } = this.#audience;
    const body = visibleBody(object, fields, hidden);
    const position = this.#positions.text({ pos, view });
    return createdFrame({ r: topic.r, by, pos, position, view, isOtherView, body });
  }
}

function isBefore(one: CollectionSubscription, pos: Pos): boolean {
  return one.progress === 'live' && one.pos < pos;
}
