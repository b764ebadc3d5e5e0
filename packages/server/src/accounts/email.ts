import { createHash } from 'node:crypto';

/** An address as an account has it. */
export interface Email {
  /** As it was given, without blanks around it. */
  readonly text: string;
  /** The same for addresses that differ only in case or in how Unicode spells them; an id of an R. */
  readonly id: string;
}

/** Characters of an address: what SMTP carries. */
const longest = 254;

/**
 * One `@` with something on both sides, and nothing that would have to be quoted: no blanks, control
 * characters, lone surrogates, brackets, commas or quotes, with which one header line could become two.
 * Whether it reaches anybody only a mail can tell.
 */
const pattern = /^[^\s\p{C}@<>()[\]\\,;:"]+@[^\s\p{C}@<>()[\]\\,;:"]+$/u;

/** Reads an address; `undefined` where it is none (rule PWD3). */
export function parseEmail(given: string): Email | undefined {
  const text = given.trim();
  if (text.length > longest || !pattern.test(text)) return undefined;
  return { text, id: createHash('sha256').update(folded(text)).digest('hex') };
}

/** A sigma has two small forms, and which one a capital becomes depends on its place. */
function folded(text: string): string {
  return text.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}
