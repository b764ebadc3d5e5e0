import type { JsonObject } from '@really/protocol';
import type { ServerMessage } from '../../harness/client.js';
import type { Dials, Settings } from './dials.js';

/** One thing that is sent: a message on a socket, bytes as they go over the wire of one, or a request over HTTP. */
export type Parcel =
  | { readonly via: 'socket'; readonly message: JsonObject }
  /** `answered`: how many answers come of it. */
  | { readonly via: 'text'; readonly text: string; readonly answered: number }
  /** Bytes of WebSocket frames, which are not masked yet. */
  | { readonly via: 'frames'; readonly frames: readonly RawFrame[] }
  | {
      readonly via: 'http';
      readonly method: string;
      readonly path: string;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly body?: string | Buffer | undefined;
    };

export interface RawFrame {
  readonly opcode: number;
  readonly final: boolean;
  readonly payload: Buffer;
}

/** The actions of an attacker who wants to cause cost. */
export interface Plan {
  /** Before everything else: so many connections of others, and what each of them does. It is not counted. */
  readonly others?:
    | { readonly count: number; readonly messages: readonly JsonObject[] }
    | undefined;
  /** First, one after the other; it is not counted. */
  readonly setup?: readonly JsonObject[] | undefined;
  /** Then, at once. `answers`: of the setup. */
  readonly parcels: (answers: readonly ServerMessage[]) => readonly Parcel[];
}

/** A way to cost much, and how it is made of settings. */
export type RecipeShape = (dials: Dials) => Plan;

/** By these a plan can be made again. */
export interface Recipe {
  readonly shape: string;
  readonly settings: Settings;
}

/** The same message so many times, which is what it costs to send it. */
export function repeated(parcel: Parcel, times: number): Parcel[] {
  return Array.from({ length: times }, () => parcel);
}

export function onSocket(message: JsonObject): Parcel {
  return { via: 'socket', message };
}

/** Bytes of a parcel, without what the transport adds. */
export function bytesOf(parcel: Parcel): number {
  switch (parcel.via) {
    case 'socket':
      return Buffer.byteLength(JSON.stringify(parcel.message));
    case 'text':
      return Buffer.byteLength(parcel.text);
    case 'frames':
      return parcel.frames.reduce((sum, { payload }) => sum + 6 + payload.length, 0);
    case 'http':
      return parcel.path.length + 100 + Buffer.byteLength(parcel.body ?? '');
    default:
      return parcel satisfies never;
  }
}
