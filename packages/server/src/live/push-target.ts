import type { Auth } from '@really/protocol';
import type { Frame } from './push/frame.js';

/**
 * Who hears pushes: a connection, as the live layer sees it. The gateway implements it; a test uses
 * a plain object.
 */
export interface PushTarget {
  /** Changes when a token is renewed (same uid). */
  readonly auth: Auth;
  /** Where it is connected from; unknown for what the server does by itself. */
  readonly address?: string | undefined;
  /** Queues a frame; it leaves with the others of this turn of the event loop, in order. */
  push(frame: Frame): void;
  /**
   * True while more output waits than the connection may hold: the live layer then stops pushing to
   * it, remembers how far each subscription got, and goes on from there when `Live.drained` is called.
   */
  readonly congested: boolean;
  /** What was pushed of this subscription so far was seen under another view, or has ended: it must not be sent again. */
  discardSent?(key: string): void;
}
