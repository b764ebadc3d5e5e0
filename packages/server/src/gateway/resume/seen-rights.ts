import type { Auth } from '@really/protocol';
import type { Under } from '../../live/push/frame.js';
import type { Steps } from '../../platform/scheduling/tick-slice.js';
import type { GatewayOptions } from '../options.js';

/** Which rights a resuming client has. */
export class SeenRights {
  readonly #deps: Pick<GatewayOptions, 'live' | 'models'>;
  readonly #auth: Auth;
  #of: readonly unknown[];

  constructor(deps: Pick<GatewayOptions, 'live' | 'models'>, auth: Auth) {
    this.#deps = deps;
    this.#auth = auth;
    this.#of = this.#now();
  }

  readonly isSeen = ({ names, r, view }: Under): boolean =>
    this.#deps.live.viewOf(names, this.#auth, r) === view;

  /** Whether anybody's rights may have changed since it was created, or `seesAll` began. */
  get haveChanged(): boolean {
    return this.#now().some((part, index) => part !== this.#of[index]);
  }

  *seesAll(all: readonly Under[]): Steps<boolean> {
    this.#of = this.#now();
    for (const under of all) {
      if (!this.isSeen(under)) return false;
      yield;
    }
    return true;
  }

  #now(): readonly unknown[] {
    const { live, models } = this.#deps;
    return [models(), live.epoch, live.rightsTime];
  }
}
