import type { Model } from '../../model/model.js';
import type { CommittedChange, Pos } from '../../store/stored-object.js';
import { type LiveContext, modelOf } from '../live-context.js';
import type { LiveSessions } from '../registry/live-sessions.js';
import { collectionNamesOf } from '../reload/model-change.js';
import type { LookupIndex } from './lookup-index.js';
import type { RightsSuspension } from './rights-suspension.js';

interface LookupWatchDeps {
  readonly sessions: LiveSessions;
  readonly suspension: RightsSuspension;
  readonly index: LookupIndex;
}

/**
 * Rule LKP4: when an object changes that the rights of subscriptions depend on, they are authorized again before
 * anything that was committed after it is pushed to them. Call `receive` with what was committed before any of it is
 * delivered.
 */
export class LookupWatch {
  readonly #context: LiveContext;
  readonly #deps: LookupWatchDeps;
  /** Every change up to here was received. */
  #through: Pos | undefined;

  constructor(context: LiveContext, deps: LookupWatchDeps) {
    this.#context = context;
    this.#deps = deps;
  }

  receive(changes: readonly CommittedChange[]): void {
    let hasGap = false;
    for (const { pos } of changes) {
      const before = this.#through;
      this.#through = Math.max(before ?? 0, pos);
      if (before !== undefined && pos > before + 1) hasGap = true;
    }
    // What the bus left out may have changed anything.
    if (hasGap) this.#authorizeAll();
    if (this.#deps.index.dependents.size === 0) return;
    const { models, holders } = this.#deps.index.affectedBy(changes);
    for (const model of models) this.#context.rightsClock.advance(model);
    this.#deps.suspension.authorizeAgain(holders);
  }

  /** The store is at this position: if later than what was received, anything may have changed. */
  observe(pos: Pos): void {
    if (this.#through !== undefined && pos <= this.#through) return;
    this.#through = pos;
    this.#authorizeAll();
  }

  /** This position belongs to a new version of a model, not to a change. */
  skipPosition(pos: Pos): void {
    if (this.#through === pos - 1) this.#through = pos;
  }

  /**
   * The models of these collections were replaced, and with them what their objects say, without a change. Call when
   * their own subscriptions were moved to the new models.
   */
  reloaded(collections: ReadonlySet<string>): void {
    if (collections.size > 0) this.#authorizeAllOf(this.#deps.index.dependents.on(collections));
  }

  #authorizeAll(): void {
    this.#authorizeAllOf(this.#deps.index.dependents.all());
  }

  #authorizeAllOf(models: ReadonlySet<Model>): void {
    if (models.size === 0) return;
    for (const model of models) this.#context.rightsClock.advance(model);
    const concerned = [...this.#deps.sessions.subscriptions()].filter((subscription) => {
      const model = modelOf(this.#context, collectionNamesOf(subscription));
      return model !== undefined && models.has(model);
    });
    this.#deps.suspension.authorizeAgain(concerned);
  }
}
