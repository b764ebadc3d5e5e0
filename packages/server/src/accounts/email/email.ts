import { createHash } from 'node:crypto';
import { domainToASCII } from 'node:url';

/** The email address of an account. */
export interface Email {
  /** Where emails are sent: as given, without blanks around and a trailing dot, in plain width. */
  readonly text: string;
  /** The canonical spelling of the address: what rules see and accounts compare. */
  readonly canonical: string;
  /** The same for all spellings of an address; an id of an R. */
  readonly id: string;
  /** The id from when only case and composition were normalized; it depends on the spelling. */
  readonly formerId: string;
}

/** Maximum characters of an address: the limit of SMTP. */
const longest = 254;

/**
 * One `@` with something on both sides, and no character that needs quoting: no blanks, control
 * characters, lone surrogates, brackets, commas or quotes, with which one header line could become
 * two. Only an email can show whether the address exists.
 */
const pattern = /^([^\s\p{C}@<>()[\]\\,;:"]+)@([^\s\p{C}@<>()[\]\\,;:"]+)$/u;

/** Parses an address; `undefined` where it is invalid (rule PWD3). */
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

/** An account's address as rules see it. */
export function canonicalEmail(text: string): string {
  return parseEmail(text)?.canonical ?? text;
}

/** As in DNS, whatever script, case or width it has. An invalid domain is compared as it is. */
function asciiDomain(domain: string): string {
  // Percent escapes are valid in URLs only.
  const ascii = domain.includes('%') ? '' : domainToASCII(domain.toLowerCase());
  return ascii === '' ? folded(domain) : ascii;
}

/** Sigma has two lower-case forms, and which one a capital becomes depends on its position. */
function folded(text: string): string {
  return text.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
