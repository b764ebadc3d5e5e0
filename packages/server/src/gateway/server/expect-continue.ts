import type { ServerResponse } from 'node:http';

/** Responses to requests that wait to be asked for their body (`Expect: 100-continue`). */
const awaitingContinue = new WeakSet<ServerResponse>();

/** The client sends its body when it is asked to, or hears why not. */
export function awaitContinue(response: ServerResponse): void {
  awaitingContinue.add(response);
  // Who is refused never sends the body, and may send another request in its place or not: nobody could tell.
  response.shouldKeepAlive = false;
}

/** Whether the body was not asked for, and does not come. */
export function isAwaitingContinue(response: ServerResponse): boolean {
  return awaitingContinue.has(response);
}

/** The request is let in: asks for its body, where that waits. */
export function sendContinue(response: ServerResponse): void {
  if (!awaitingContinue.delete(response)) return;
  response.shouldKeepAlive = true;
  response.writeContinue();
}
