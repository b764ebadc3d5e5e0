import type { Auth } from '@really/protocol';
import type { Frame } from './push/frame.js';

/** A connection, as the live layer sees it. The gateway implements it; tests use a fake. */
export interface PushTarget {
  /** Changes when a token is renewed (same uid). */
  readonly auth: Auth;
  /** Remote address; `undefined` for the server itself. */
  readonly address?: string | undefined;
  /** False once the client is gone: nothing has to be read for it any more. */
  readonly open?: boolean | undefined;
  /** Queues a frame; it is sent in order with the others of this turn of the event loop. */
  push(frame: Frame): void;
  /**
   * True while the output buffer is full. The live layer then stops pushing to this target, keeps
   * the cursor of each subscription, and continues when `Live.onDrain` is called.
   */
  readonly congested: boolean;
  /**
   * Charges the bytes of an object that was read for it (rule LIM44). A promise: until it resolves
   * nothing more is to be read for it, and it is congested.
   */
  charge?(bytes: number): Promise<void> | undefined;
  /**
   * Whether it has to pay for earlier reads first: resolves when something may be read for it. The
   * other connections of its uid pay for it, too.
   */
  untilPaid?(): Promise<void> | undefined;
  /** What was sent for this subscription must not be sent again: its view changed or it ended. */
  discardSent?(key: string): void;
  /**
   * Sends a push of a room, which is not counted and never sent again. False: output waits already,
   * so this is left out (rule PRS7), unless it is the last one of its room. Without it, the target
   * takes none.
   */
  pushEphemeral?(frame: Frame, isLast?: boolean): boolean;
  /** Whether it has to be noticed soon that the client is gone (rule PRS9). */
  watchLife?(isWatched: boolean): void;
}
