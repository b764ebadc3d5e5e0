let last = Number.NaN;
let text = '';

/**
 * A time in milliseconds since the Unix epoch as ISO 8601, in UTC. The last text is remembered:
 * everything that is written in one millisecond has the same time.
 */
export function instantText(time: number): string {
  if (time !== last) {
    text = new Date(time).toISOString();
    last = time;
  }
  return text;
}
