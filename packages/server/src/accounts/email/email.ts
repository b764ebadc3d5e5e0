import { createHash } from 'node:crypto';
import { domainToASCII } from 'node:url';

/** An address as an account has it. */
export interface Email {
  /** As it was given: where letters go. Without blanks around it and a dot behind it; full-width letters are plain ones. */
  readonly text: string;
  /** The one spelling of all that are the same address: what rules see and accounts compare. */
  readonly canonical: string;
  /** The same for all spellings of an address; an id of an R. */
  readonly id: string;
  /** What the id was while accounts compared no more than case and composition; it depends on the spelling. */
  readonly formerId: string;
}

/** Characters of an address: what SMTP carries. */
const longest = 254;

/**
 * One `@` with something on both sides, and nothing that would have to be quoted: no blanks, control
 * characters, lone surrogates, brackets, commas or quotes, with which one header line could become two.
 * Whether it reaches anybody only a mail can tell.
 */
const pattern = /^([^\s\p{C}@<>()[\]\\,;:"]+)@([^\s\p{C}@<>()[\]\\,;:"]+)$/u;

/** Reads an address; `undefined` where it is none (rule PWD3). */
export function parseEmail(given: string): Email | undefined {
  const trimmed = given.trim();
  if (trimmed.length > longest) return undefined;
  const [, local = '', dotted = ''] = pattern.exec(trimmed.normalize('NFKC')) ?? [];
  const domain = dotted.replace(/[.。]$/u, '');
  const text = `${local}@${domain}`;
  if (local === '' || domain === '' || text.length > longest) return undefined;
  const canonical = `${folded(local)}@${asciiDomain(domain)}`;
  return { text, canonical, id: digest(canonical), formerId: digest(folded(trimmed)) };
}

/** An address that an account has: what rules see of it. */
export function canonicalEmail(text: string): string {
  return parseEmail(text)?.canonical ?? text;
}

/** As DNS has it, whatever script, case or width it is written in. What is no domain is compared as it stands. */
function asciiDomain(domain: string): string {
  // An escape is one for URLs alone.
  const ascii = domain.includes('%') ? '' : domainToASCII(domain.toLowerCase());
  return ascii === '' ? folded(domain) : ascii;
}

/** A sigma has two small forms, and which one a capital becomes depends on its place. */
function folded(text: string): string {
  return text.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
