/** A number and what it counts, as people write them: `1 object`, `1,200 objects`. `one`: the noun for one. */
export function quantity(count: number, one: string): string {
  return `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`;
}
