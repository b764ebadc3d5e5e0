import { isId, isSystemName } from '@really/protocol';
import type { Insertion, LookupTemplate } from '../../lookups/lookup.js';
import { listed, quoted } from '../expected-names.js';

/** An inserted value, with its position in the file. */
export interface PlacedInsertion {
  readonly insertion: Insertion;
  readonly offset: number;
  /** An R to begin with, or an id. */
  readonly place: 'start' | 'id';
}

export interface ParsedTemplate {
  readonly template: LookupTemplate;
  readonly insertions: readonly PlacedInsertion[];
  /** The names of the collection after the start. */
  readonly names: readonly string[];
}

/** Where the text of a template stands. Offsets are in the file. */
interface TemplateSource {
  /** Of the character at this index of the text. */
  readonly offsetOf: (index: number) => number;
  readonly onProblem: (offset: number, message: string) => void;
}

const insertable =
  'expected `{ids.<collection>}`, `{auth.uid}`, `{auth._r}`, `{auth.data.<member>}`, `{obj.<field>}` or `{<lookup>.<member>}`';

/** Parses the template of a lookup in a model at this path (rule LKP1): `undefined` if it has a problem, which is reported. */
export function parseTemplate(
  text: string,
  path: readonly string[],
  source: TemplateSource,
): ParsedTemplate | undefined {
  return new TemplateParser(path, source).parse(text);
}

class TemplateParser {
  readonly #path: readonly string[];
  readonly #source: TemplateSource;
  readonly #insertions: PlacedInsertion[] = [];
  readonly #names: string[] = [];
  #isSound = true;

  constructor(path: readonly string[], source: TemplateSource) {
    this.#path = path;
    this.#source = source;
  }

  parse(text: string): ParsedTemplate | undefined {
    const pieces = [...text.matchAll(/[^/]+/g)];
    const hasStart = !text.startsWith('/');
    const [first] = pieces;
    const start = hasStart && first ? this.#start(first[0], first.index) : undefined;
    const steps = hasStart ? pieces.slice(1) : pieces;
    if (/\/\/|\/$/.test(text) || steps.length % 2 !== 0 || pieces.length === 0) {
      this.#refuse(
        0,
        `${quoted(text)} is not the address of an object; expected names of collections and ids in turn, such as \`/projects/{ids.projects}\``,
      );
    }
    const parsed = steps.map(({ 0: step, index }, at) =>
      at % 2 === 0 ? this.#name(step, index) : this.#id(step, index),
    );
    if (!this.#isSound) return undefined;
    const template = { text, start, steps: parsed.filter((step) => step !== undefined) };
    return { template, insertions: this.#insertions, names: this.#names };
  }

  #start(piece: string, offset: number): Insertion | undefined {
    if (piece.startsWith('{')) return this.#insertion(piece, offset, 'start');
    return this.#refuse(
      offset,
      `${quoted(piece)} is no beginning of an address; expected \`/\`, or a value that is one, such as \`{obj.<reference>}\``,
    );
  }

  #name(step: string, offset: number): string | undefined {
    if (step.includes('{')) {
      return this.#refuse(
        offset,
        `${quoted(step)} is in the place of a collection's name; expected the name itself`,
      );
    }
    if (!isId(step) || isSystemName(step)) {
      return this.#refuse(offset, `${quoted(step)} is no name of a collection of the app`);
    }
    this.#names.push(step);
    return step;
  }

  #id(step: string, offset: number): string | Insertion | undefined {
    if (step.includes('{') || step.includes('}')) return this.#insertion(step, offset, 'id');
    if (isId(step)) return step;
    return this.#refuse(
      offset,
      `${quoted(step)} is no id; expected 1 to 64 of letters, digits, \`_\` and \`-\`, or a value in braces`,
    );
  }

  #insertion(
    piece: string,
    offset: number,
    place: PlacedInsertion['place'],
  ): Insertion | undefined {
    const inner = /^\{\s*([^{}\s]+)\s*\}$/.exec(piece)?.[1];
    if (inner === undefined) {
      return this.#refuse(offset, `${quoted(piece)} is no single value in braces; ${insertable}`);
    }
    const insertion = this.#meaning(inner.split('.'), piece, offset);
    if (insertion !== undefined) {
      this.#insertions.push({ insertion, offset: this.#source.offsetOf(offset), place });
    }
    return insertion;
  }

  #meaning(
    [owner = '', ...path]: readonly string[],
    piece: string,
    offset: number,
  ): Insertion | undefined {
    const [member] = path;
    if (member === undefined || path.some((name) => name === '')) {
      return this.#refuse(offset, `${quoted(piece)} names no value; ${insertable}`);
    }
    switch (owner) {
      case 'ids':
        return this.#ids(path, piece, offset);
      case 'auth':
        if (path.length === 1 ? member === 'uid' || member === '_r' : member === 'data') {
          return { kind: 'auth', path };
        }
        return this.#refuse(
          offset,
          `${quoted(piece)} is nothing that a token has; expected \`{auth.uid}\`, \`{auth._r}\` or \`{auth.data.<member>}\``,
        );
      case 'obj':
        return { kind: 'obj', path };
      case 'parents': {
        const members = path.slice(1);
        if (members.length > 0) return { kind: 'lookup', name: `parents.${member}`, path: members };
        return this.#refuse(
          offset,
          `${quoted(piece)} is an object; expected a member of it, such as \`{parents.${member}.owner}\``,
        );
      }
      default:
        return { kind: 'lookup', name: owner, path };
    }
  }

  #ids([name = '', ...rest]: readonly string[], piece: string, offset: number) {
    const index = this.#path.indexOf(name);
    if (rest.length > 0 || index < 0) {
      return this.#refuse(
        offset,
        `${quoted(piece)} is not on the path of this model; expected ${listed(this.#path.map((known) => `{ids.${known}}`))}`,
      );
    }
    if (this.#path.lastIndexOf(name) !== index) {
      return this.#refuse(
        offset,
        `${quoted(piece)} is on the path of this model more than once; expected a name that is there once`,
      );
    }
    return { kind: 'ids' as const, index };
  }

  #refuse(offset: number, message: string): undefined {
    this.#isSound = false;
    this.#source.onProblem(this.#source.offsetOf(offset), message);
  }
}
