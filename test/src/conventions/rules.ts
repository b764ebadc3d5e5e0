import type { RepoFile } from './sources.js';

/** The ids of the rules that a page states, each at the start of its rule's text: `**[UPD3]** A stale …`. */
export function rulesOf(page: string): string[] {
  return [...page.matchAll(/^(?:[-*] )?\*\*\[([A-Z]+\d+)\]\*\*/gm)].map((match) => match[1] ?? '');
}

/** The ids that titles of tests begin with, and which files name them. */
export function rulesNamed(files: readonly RepoFile[]): Map<string, string[]> {
  const named = new Map<string, string[]>();
  for (const { path, text } of files) {
    for (const [, tags = ''] of text.matchAll(/['"`]((?:\[[A-Z]+\d+\]\s*)+)/g)) {
      for (const [, id = ''] of tags.matchAll(/\[(\w+)\]/g)) {
        named.set(id, [...(named.get(id) ?? []), path]);
      }
    }
  }
  return named;
}
