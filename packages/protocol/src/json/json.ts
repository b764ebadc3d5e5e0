/** What `JSON.parse` gives. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
export interface JsonObject {
  [member: string]: JsonValue;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether there are more levels of objects and lists than that. It looks no deeper itself. */
export function isDeeperThan(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels <= 0) return true;
  return Object.values(value).some((member: JsonValue) => isDeeperThan(member, levels - 1));
}

/** The object's own member: never what `Object.prototype` has under that name. */
export function ownMember<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Assigns a member under a name that came from outside: `__proto__` becomes plain data, and no prototype changes. */
export function setMember<T>(object: Record<string, T>, name: string, value: T): void {
  if (name in Object.prototype) {
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else {
    object[name] = value;
  }
}
