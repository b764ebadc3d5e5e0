import type { Actor, JsonObject, JsonValue } from '@really/protocol';

/** What the nodes of an app publish to each other about the room of an object. */
export type RoomBusMessage =
  /** A connection appeared, or has this state from now on. */
  | {
      readonly kind: 'member';
      readonly id: string;
      readonly user: Actor;
      readonly state: JsonObject;
    }
  | { readonly kind: 'left'; readonly id: string }
  | RoomSending;

/** A message to everybody who watches. */
export interface RoomSending {
  readonly kind: 'sent';
  /** The sender, if it is a connection in the room. */
  readonly member: string | undefined;
  readonly by: Actor;
  readonly event: string;
  readonly data: JsonValue | undefined;
}

/**
 * The port for rooms: carries what is said in a room to the nodes on which somebody watches it.
 * Nothing of it is stored.
 *
 * A message reaches the followers of its own node before `publish` returns, and those of other
 * nodes later, at most once and in the order of its publisher; it may be lost on the way.
 */
export interface RoomBus {
  /** `r`: the object whose room it is. Never throws. */
  publish(r: string, message: RoomBusMessage): void;
  /** Calls `listener` with the messages of this room. Returns a function that ends it. */
  follow(r: string, listener: (message: RoomBusMessage) => void): () => void;
}
