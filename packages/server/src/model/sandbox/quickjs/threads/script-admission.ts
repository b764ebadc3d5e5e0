import { FairShare } from '../../../../platform/scheduling/fair-share.js';
import type { ScriptRefusal } from '../../../model.js';
import { OverrunHistory } from './overrun-history.js';
import type { ScriptCall } from './script-call.js';

export interface ScriptAdmissionOptions {
  /** Bytes that calls may take which have no answer yet, all in all. */
  readonly bytes: number;
  /** Whether those are refused on whose own input scripts run over again and again. */
  readonly holdsBack: boolean;
  /** Told the bound for which a call was refused. */
  readonly refused?: ((bound: string) => void) | undefined;
}

/** Who may wait for a thread. What the server does by itself, for nobody, is never refused for its past. */
export class ScriptAdmission {
  readonly #options: ScriptAdmissionOptions;
  readonly #share: FairShare;
  readonly #overrunners = new OverrunHistory();

  constructor(options: ScriptAdmissionOptions) {
    this.#options = options;
    this.#share = new FairShare(options.bytes);
  }

  /** Bytes of the calls that have no answer yet. */
  get used(): number {
    return this.#share.used;
  }

  /** Lets it in, unless it is refused. */
  enter(job: ScriptCall, now: number): ScriptRefusal | undefined {
    const refusal = this.refusalOf(job, now);
    if (refusal !== undefined) return refusal;
    // Models have to be compiled, however much waits.
    if (job.scope === null || this.#share.take(job.asker, job.bytes)) return undefined;
    return this.#refuse({ bound: 'limits.hooksWaiting', retryAfter: 1 });
  }

  /** It has its answer. */
  leave(job: ScriptCall): void {
    if (job.scope !== null) this.#share.giveBack(job.asker, job.bytes);
  }

  overran({ asker, isOwn }: ScriptCall, now: number): void {
    if (this.#options.holdsBack && isOwn && asker !== '') this.#overrunners.strike(asker, now);
  }

  /** Why it may not run now, though it may be here. */
  refusalOf({ asker, isOwn, again }: ScriptCall, now: number): ScriptRefusal | undefined {
    // What runs once more, to tell the line, has run over already.
    if (!isOwn || again) return undefined;
    const milliseconds = this.#overrunners.refusedFor(asker, now);
    if (milliseconds === 0) return undefined;
    return this.#refuse({ bound: 'limits.hookTime', retryAfter: Math.ceil(milliseconds / 1000) });
  }

  #refuse(refusal: ScriptRefusal): ScriptRefusal {
    this.#options.refused?.(refusal.bound);
    return refusal;
  }
}
