/**
 * A list or object that contains the current position. Levels are reused, since a text may open
 * very many.
 */
interface Level {
  isList: boolean;
  /**
   * The parsed container; `unsought` until it is looked up, and `undefined` where a later member of
   * the same name replaced it.
   */
  container: unknown;
  isMarked: boolean;
  /** Of a list: the index of the current element. */
  index: number;
  /** Of an object: start of its latest string, which before a value is the member's name. */
  nameStart: number;
  nameEnd: number;
}

const unsought = Symbol('unsought');

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

/** Digits that a double always holds. */
const safeDigits = 15;

/** Receives what the scan finds. */
export interface Finder {
  /** Whether the parsed number differs from the source. */
  isWanted(source: string, value: number): boolean;
  /** A container with such a number at any depth; called once per container. */
  holds(container: object): void;
  /** `member`: of a list, its index. */
  found(container: object, member: string | number): void;
}

/**
 * Scans a parsed JSON text once and checks only the numbers that may have lost digits; their
 * containers are looked up only where one did. So the time is linear in the length, whatever the
 * text.
 */
export class NumberScan {
  readonly #text: string;
  readonly #finder: Finder;
  readonly #levels: Level[] = [];
  /** Open levels. The first one stands for the text itself. */
  #depth = 0;

  constructor(text: string, value: unknown, finder: Finder) {
    this.#text = text;
    this.#finder = finder;
    this.#open(true);
    const root = this.#top();
    root.container = [value];
    root.isMarked = true;
  }

  run(): void {
    const text = this.#text;
    let at = 0;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === quote) at = this.#string(at);
      else if (code === 0x2d || (code >= 0x30 && code <= 0x39)) at = this.#number(at);
      else {
        if (code === comma) this.#top().index += 1;
        else if (code === 0x5b || code === 0x7b) this.#open(code === 0x5b);
        else if (code === 0x5d || code === 0x7d) this.#depth -= 1;
        at += 1;
      }
    }
  }

  #top(): Level {
    return this.#levels[this.#depth - 1] as Level;
  }

  #open(isList: boolean): void {
    const level = this.#levels[this.#depth];
    this.#depth += 1;
    const fresh = { isList, container: unsought, isMarked: false, index: 0 };
    if (level) Object.assign(level, fresh);
    else this.#levels.push({ ...fresh, nameStart: 0, nameEnd: 0 });
  }

  /** Returns the end. */
  #string(start: number): number {
    const text = this.#text;
    let end = text.indexOf('"', start + 1);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    const level = this.#top();
    level.nameStart = start;
    level.nameEnd = end + 1;
    return end + 1;
  }

  /** Returns the end. */
  #number(start: number): number {
    const text = this.#text;
    let isDivided = false;
    let end = start + 1;
    for (; ; end += 1) {
      const code = text.charCodeAt(end);
      if (code >= 0x30 && code <= 0x39) continue;
      if (code === 0x2d) isDivided = true;
      else if (code !== 0x2e && code !== 0x2b && code !== 0x65 && code !== 0x45) break;
    }
    // A few digits times a power of ten are exact.
    if (isDivided || end - start > safeDigits) this.#look(text.slice(start, end));
    return end;
  }

  #look(source: string): void {
    const value = Number(source);
    if (!this.#finder.isWanted(source, value)) return;
    const level = this.#top();
    const container = this.#containerAt(this.#depth - 1);
    if (typeof container !== 'object' || container === null) return;
    const member = this.#memberOf(level);
    if ((container as Record<string, unknown>)[member] !== value) return;
    this.#mark();
    // A number that is the whole text has no container.
    if (this.#depth > 1) this.#finder.found(container, member);
  }

  /** Each level is looked up once, however many numbers are in it. */
  #containerAt(depth: number): unknown {
    let known = depth;
    while (this.#levels[known]?.container === unsought) known -= 1;
    for (let next = known + 1; next <= depth; next += 1) {
      const level = this.#levels[next] as Level;
      level.container = this.#childOf(this.#levels[next - 1] as Level, level.isList);
    }
    return this.#levels[depth]?.container;
  }

  #childOf(parent: Level, isList: boolean): unknown {
    if (parent.container === undefined) return undefined;
    const child = (parent.container as Record<string, unknown>)[this.#memberOf(parent)];
    const fits = typeof child === 'object' && child !== null && Array.isArray(child) === isList;
    return fits ? child : undefined;
  }

  #memberOf({ isList, index, nameStart, nameEnd }: Level): string | number {
    return isList ? index : (JSON.parse(this.#text.slice(nameStart, nameEnd)) as string);
  }

  #mark(): void {
    for (let depth = this.#depth - 1; depth > 0; depth -= 1) {
      const level = this.#levels[depth] as Level;
      if (level.isMarked) return;
      level.isMarked = true;
      this.#finder.holds(level.container as object);
    }
  }
}

/** Whether an odd number of backslashes precedes it. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text.charCodeAt(start - 1) === backslash) start -= 1;
  return (at - start) % 2 === 1;
}
