import type { LimitKey } from '../../../../platform/limits.js';
import { FairShare } from '../../../../platform/scheduling/fair-share.js';
import type { ScriptRefusal } from '../../../model.js';
import { OverrunHistory } from './overrun-history.js';
import type { ScriptCall } from './script-call.js';

export interface ScriptAdmissionOptions {
  /** Maximum bytes of all pending calls. */
  readonly bytes: number;
  /** Whether to refuse owners whose own input makes scripts exceed their time again and again. */
  readonly holdsBack: boolean;
  /** Called with the limit for which a call was refused. */
  readonly refused?: ((bound: LimitKey) => void) | undefined;
}

/** Decides which calls may wait for a thread. Calls of the server itself are never refused for earlier overruns. */
export class ScriptAdmission {
  readonly #options: ScriptAdmissionOptions;
  readonly #share: FairShare;
  readonly #overrunners = new OverrunHistory();

  constructor(options: ScriptAdmissionOptions) {
    this.#options = options;
    this.#share = new FairShare(options.bytes);
  }

  /** Bytes of the pending calls. */
  get used(): number {
    return this.#share.used;
  }

  /** Admits it, unless it is refused. */
  enter(job: ScriptCall, now: number): ScriptRefusal | undefined {
    const refusal = this.refusalOf(job, now);
    if (refusal !== undefined) return refusal;
    // Compiling models is always admitted.
    if (job.scope === null || this.#share.take(job.owner, job.bytes)) return undefined;
    return this.#refuse({ bound: 'limits.hooksWaiting', retryAfter: 1 });
  }

  /** It has its result. */
  leave(job: ScriptCall): void {
    if (job.scope !== null) this.#share.giveBack(job.owner, job.bytes);
  }

  overran({ owner, isOwn }: ScriptCall, now: number): void {
    if (this.#options.holdsBack && isOwn && owner !== '') this.#overrunners.strike(owner, now);
  }

  /** Why it may not run now, although it was admitted. */
  refusalOf({ owner, isOwn, again }: ScriptCall, now: number): ScriptRefusal | undefined {
    // A call that runs again to find its line has exceeded its time already.
    if (!isOwn || again) return undefined;
    const milliseconds = this.#overrunners.refusedFor(owner, now);
    if (milliseconds === 0) return undefined;
    return this.#refuse({ bound: 'limits.hookTime', retryAfter: Math.ceil(milliseconds / 1000) });
  }

  #refuse(refusal: ScriptRefusal): ScriptRefusal {
    this.#options.refused?.(refusal.bound);
    return refusal;
  }
}
