let last = Number.NaN;
let text = '';
/** The second of the last time, and its text up to the milliseconds. */
let second = Number.NaN;
let prefix = '';

/**
 * A time in whole milliseconds since the Unix epoch as ISO 8601, in UTC. The last text is
 * remembered: everything that is written in one millisecond has the same time, and within one second
 * only the milliseconds differ.
 */
export function instantText(time: number): string {
  if (time === last) return text;
  const own = Math.floor(time / 1000);
  if (own !== second) {
    prefix = new Date(time).toISOString().slice(0, -4);
    second = own;
  }
  text = `${prefix}${String(time - own * 1000).padStart(3, '0')}Z`;
  last = time;
  return text;
}
