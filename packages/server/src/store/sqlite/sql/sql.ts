export type Bindable = number | bigint | string | Buffer | null;

/** A piece of SQL with the values of its `?`s, in order. */
export interface Sql {
  readonly text: string;
  readonly values: readonly Bindable[];
}

/** Builds SQL: pieces are inserted as they are, anything else becomes a bound value. */
export function sql(strings: TemplateStringsArray, ...parts: readonly (Sql | Bindable)[]): Sql {
  let text = strings[0] ?? '';
  const values: Bindable[] = [];
  parts.forEach((part, index) => {
    if (isSql(part)) {
      text += part.text;
      values.push(...part.values);
    } else {
      text += '?';
      values.push(part);
    }
    text += strings[index + 1] ?? '';
  });
  return { text, values };
}

/** Text that is SQL already. Never anything from a client. */
export function rawSql(text: string): Sql {
  return { text, values: [] };
}

/** Called first for each object that is visited, and in slow work: throws when the time is up. */
export const tickFunction = 'really_tick';
export const tick = rawSql(`${tickFunction}()`);

/** A balanced tree, so that a long filter stays below SQLite's limit of an expression's depth. */
export function joinSql(pieces: readonly Sql[], operator: 'AND' | 'OR'): Sql {
  const [first, second] = pieces;
  if (!first) return rawSql(operator === 'AND' ? '1' : '0');
  if (!second) return first;
  const middle = pieces.length >> 1;
  const left = joinSql(pieces.slice(0, middle), operator);
  const right = joinSql(pieces.slice(middle), operator);
  return sql`(${left} ${rawSql(operator)} ${right})`;
}

/** `"name"`: a quoted identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `'text'`: a quoted literal. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function isSql(part: Sql | Bindable): part is Sql {
  return typeof part === 'object' && part !== null && 'text' in part;
}
