import type { Really } from '../really-client.js';

/** Whose live copies are watched, and what they have to show. */
export interface WatchOwner {
  readonly really: Really;
  fail(why: string): void;
  /** Texts of writes that are neither refused nor uncertain, which its copy of the object has to show. */
  shownTags(r: string): string[];
  /** Whether a text may vanish from a log: its write was refused, or is uncertain. */
  isTakenBack(tag: string): boolean;
  isPerhapsDeleted(r: string): boolean;
  /** How many own writes to an object there were, and how many of them failed. */
  causes(r: string): number;
}
