interface Page<Entry> {
  readonly entries: readonly Entry[];
  readonly through: number;
  readonly more?: true | undefined;
}

/** All entries after position 0. `read`: the page after a position, such as of `store.created` or `store.changes`. */
export async function allEntries<Entry>(
  read: (after: number, limit: number) => Promise<Page<Entry>>,
): Promise<Entry[]> {
  const limit = 10_000;
  const all: Entry[] = [];
  for (let after = 0; ; ) {
    const { entries, through, more } = await read(after, limit);
    all.push(...entries);
    if (!more && entries.length < limit) return all;
    after = through;
  }
}
