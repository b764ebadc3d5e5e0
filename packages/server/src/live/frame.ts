/** One message for the wire, encoded once and shared by everybody who gets it. */
export interface Frame {
  /** The JSON text. */
  readonly text: string;
  /** A complete WebSocket text frame (RFC 6455, section 5.2: FIN, opcode 1, no mask). */
  readonly bytes: Buffer;
}
