import type { ServerResponse } from 'node:http';

/** Responses to requests that wait with their body for `100 Continue`. */
const awaitingContinue = new WeakSet<ServerResponse>();

/** The request waits for `100 Continue` or a refusal. */
export function awaitContinue(response: ServerResponse): void {
  awaitingContinue.add(response);
  // After a refusal the client may send the body or a new request; the two cannot be distinguished.
  response.shouldKeepAlive = false;
}

/** True if the body was not asked for, so it will not arrive. */
export function isAwaitingContinue(response: ServerResponse): boolean {
  return awaitingContinue.has(response);
}

/** The request is authorized: asks for its body if that waits. */
export function sendContinue(response: ServerResponse): void {
  if (!awaitingContinue.delete(response)) return;
  response.shouldKeepAlive = true;
  response.writeContinue();
}
