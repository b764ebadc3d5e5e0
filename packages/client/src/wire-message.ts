import type { Actor, ErrorBody, JsonObject } from '@really/protocol/client';

/** A message of the server, parsed and not checked further: the server is trusted to keep the protocol. */
export interface WireMessage {
  readonly tag?: number;
  readonly evt?: string;
  readonly r?: string;
  readonly rev?: number;
  readonly meta?: WireMeta;
  readonly body?: JsonObject;
  readonly error?: ErrorBody;
  /** Presence: not counted and not repeated. */
  readonly eph?: boolean;
}

export interface WireMeta {
  readonly opBy?: Actor;
  readonly cause?: string;
  readonly prev?: number;
  readonly view?: string;
  readonly pos?: string;
  readonly subscription?: string;
  readonly once?: string;
  readonly repeated?: boolean;
  readonly retryAfter?: number;
  readonly member?: string;
  readonly fields?: string[];
}

/** What the client sends, without its tag. */
export interface WireRequest {
  readonly cmd: string;
  readonly r?: string;
  readonly rev?: number | undefined;
  readonly body?: unknown;
  readonly cmdOpts?: Readonly<Record<string, unknown>> | undefined;
  readonly [member: string]: unknown;
}
