/** A step of an operation's key: a member's name, or an index of a list. */
export type KeyStep = string | number;

export interface KeyLimits {
  /** Maximum characters of a key. */
  readonly keyLength: number;
  /** Maximum steps of a key. */
  readonly pathDepth: number;
}

export const defaultKeyLimits: KeyLimits = { keyLength: 256, pathDepth: 16 };

const plainName = /^[^.[\]]+$/;
const stepPattern = /(?:^|(?!^)\.)([^.[\]]+)|\[(0|[1-9][0-9]{0,14})\]/y;

/**
 * The steps of a key: `picture[0].url` is `['picture', 0, 'url']`. The first is always a name.
 * `undefined` where the text is no key, exceeds the limits, or contains `__proto__`.
 */
export function parseKey(key: string, limits: KeyLimits = defaultKeyLimits): KeyStep[] | undefined {
  if (key.length > limits.keyLength) return undefined;
  // Nearly every key is the name of a top-level field, and each operation's is parsed several times.
  if (plainName.test(key) && limits.pathDepth > 0) return key === '__proto__' ? undefined : [key];
  const steps: KeyStep[] = [];
  let end = 0;
  while (end < key.length && steps.length < limits.pathDepth) {
    stepPattern.lastIndex = end;
    const [match, name, index] = stepPattern.exec(key) ?? [];
    if (match === undefined || name === '__proto__') return undefined;
    steps.push(name ?? Number(index));
    end += match.length;
  }
  return end === key.length && typeof steps[0] === 'string' ? steps : undefined;
}

/** The top-level field that a key lies in, without parsing the rest. */
export function topField(key: string): string {
  const end = key.search(/[.[]/);
  return end < 0 ? key : key.slice(0, end);
}
