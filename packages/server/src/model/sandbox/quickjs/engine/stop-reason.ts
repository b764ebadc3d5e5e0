/** How a call ended, if the host decided it. The first reason of a call stands, whatever the script does afterwards. */
export type StopReason =
  | { readonly kind: 'cancelled'; readonly code: number; readonly message: string }
  /** `state`: see `GuestHost.pause`. */
  | { readonly kind: 'paused'; readonly state: string }
  | { readonly kind: 'threw'; readonly message: string; readonly stack: string }
  | { readonly kind: 'stopped'; readonly reason: 'time' | 'memory' | 'stack' };

/** The file name of an app's source inside the engine, as in stack traces; our own sources have others. */
export const scriptFile = 'script';
/** The line of `scriptFile` on which the app's source begins: one of our own stands before it. */
export const firstSourceLine = 2;

const place = new RegExp(`\\b${scriptFile}:(\\d+)`);

/** The innermost line of an app's source in a stack trace, counted in its file. */
export function lineOf(stack: string, firstLine: number): number | undefined {
  const line = Number(place.exec(stack)?.[1]);
  return line >= firstSourceLine ? firstLine + line - firstSourceLine : undefined;
}
