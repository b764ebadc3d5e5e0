/** Characters from which writing a text takes about as long as a small command. */
const worthKeeping = 16 * 1024;

/** Characters of all texts that are kept. */
const mostKept = 8 * 1024 * 1024;

/** By value, oldest first. */
const texts = new Map<object, string>();
let kept = 0;

/**
 * The JSON text of a value that does not change any more. The texts of the last large ones are
 * kept, because the same value is measured, stored and pushed within a moment.
 */
export function jsonText(value: object): string {
  return knownText(value) ?? keep(value, JSON.stringify(value));
}

/** The text of an object whose last member, `body`, is such a value. */
export function jsonTextOfPush(push: {
  readonly body: object;
  readonly [member: string]: unknown;
}): string {
  const known = knownText(push.body);
  if (known === undefined) return JSON.stringify(push);
  const text = JSON.stringify({ ...push, body: undefined });
  const start = text === '{}' ? '{' : `${text.slice(0, -1)},`;
  return `${start}"body":${known}}`;
}

function knownText(value: object): string | undefined {
  // There is none as long as everything is small.
  return kept === 0 ? undefined : texts.get(value);
}

function keep(value: object, text: string): string {
  if (text.length < worthKeeping || text.length > mostKept) return text;
  texts.set(value, text);
  kept += text.length;
  for (const [oldest, { length }] of texts) {
    if (kept <= mostKept) break;
    texts.delete(oldest);
    kept -= length;
  }
  return text;
}
