import type { Auth } from '@really/protocol';
import type { Frame } from './push/frame.js';

/**
 * Receives pushes: a connection, as the live layer sees it. The gateway implements it; tests use a
 * fake.
 */
export interface PushTarget {
  /** Changes when a token is renewed (same uid). */
  readonly auth: Auth;
  /** Remote address; `undefined` for the server itself. */
  readonly address?: string | undefined;
  /** Queues a frame; it is sent in order with the others of this turn of the event loop. */
  push(frame: Frame): void;
  /**
   * True while the output buffer is full. The live layer then stops pushing to this target, keeps
   * the cursor of each subscription, and continues when `Live.onDrain` is called.
   */
  readonly congested: boolean;
  /**
   * Pushes sent so far for this subscription must not be sent again: its view changed or it ended.
   */
  discardSent?(key: string): void;
}
