/** The ids of dead letters by their owners, each owner's oldest first. */
export class LettersByOwner {
  readonly #owners = new Map<string, Set<string>>();
  readonly #ownerOf = new Map<string, string>();

  add(id: string, owner: string): void {
    this.#ownerOf.set(id, owner);
    const ids = this.#owners.get(owner);
    if (ids) ids.add(id);
    else this.#owners.set(owner, new Set([id]));
  }

  delete(id: string): void {
    const owner = this.#ownerOf.get(id) ?? '';
    this.#ownerOf.delete(id);
    const ids = this.#owners.get(owner);
    ids?.delete(id);
    if (ids?.size === 0) this.#owners.delete(owner);
  }

  /**
   * The oldest of the owner with most; where several have as many, of the one whose oldest is older.
   */
  get first(): string | undefined {
    let found: { readonly id: string; readonly count: number } | undefined;
    for (const ids of this.#owners.values()) {
      const [id = ''] = ids;
      const isBefore =
        found === undefined ||
        ids.size > found.count ||
        (ids.size === found.count && id < found.id);
      if (isBefore) found = { id, count: ids.size };
    }
    return found?.id;
  }
}
