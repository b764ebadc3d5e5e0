/** The location of an object: the collection, and the key in its table. */
export interface Location {
  /** `users/posts`. */
  readonly collection: string;
  /** Each parent's id followed by a slash, `1/`; empty in a top-level collection. */
  readonly parents: string;
  readonly id: string;
}

/** Splits a printed object R. It is trusted: callers of the store have parsed it. */
export function locate(r: string): Location {
  const steps = r.split('/');
  if (steps.length === 3) {
    return { collection: steps[1] ?? '', parents: '', id: steps[2] ?? '' };
  }
  const names: string[] = [];
  let parents = '';
  for (let index = 1; index < steps.length; index += 2) {
    names.push(steps[index] ?? '');
    if (index + 2 < steps.length) parents += `${steps[index + 1]}/`;
  }
  return { collection: names.join('/'), parents, id: steps.at(-1) ?? '' };
}

/** The `parents` of the objects right below this one. */
export function parentsBelow({ parents, id }: Location): string {
  return `${parents}${id}/`;
}

/** Prints the Rs of a collection, given parents and id. */
export function rPrinter(names: readonly string[]): (parents: string, id: string) => string {
  const last = names.length - 1;
  const prefix = `/${names[last]}/`;
  if (last === 0) return (_parents, id) => prefix + id;
  return (parents, id) => {
    const ids = parents.split('/');
    let r = '';
    for (let index = 0; index < last; index++) r += `/${names[index]}/${ids[index]}`;
    return r + prefix + id;
  };
}
