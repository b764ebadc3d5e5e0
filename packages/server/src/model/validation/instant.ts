const pattern =
  /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(Z|[+-]\d\d(?::?\d\d)?)$/;

/**
 * The instant of an ISO 8601 text, in UTC with milliseconds (finer digits are dropped); `undefined` if it is not one:
 * no time or no offset, a day that does not exist, a year outside 0000 to 9999.
 */
export function parseInstant(text: string): string | undefined {
  if (isPrinted(text)) return text;
  // No valid text is longer, except with more digits than any clock has.
  const match = text.length <= 64 ? pattern.exec(text) : null;
  if (match === null) return undefined;
  const [year, month, day, hour, minute] = match.slice(1, 6).map(Number) as Numbers;
  const second = Number(match[6] ?? 0);
  const milliseconds = Number((match[7] ?? '').slice(0, 3).padEnd(3, '0'));
  const offset = offsetMinutes(match[8] ?? 'Z');
  if (offset === undefined || !isTime(hour, minute, second, milliseconds)) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  // A day that does not exist is one of another month.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  date.setUTCHours(hour, minute - offset, second, milliseconds);
  const printed = date.toISOString();
  // Outside these years the text has a sign, and no longer sorts as time does.
  return printed.length === 24 ? printed : undefined;
}

/** Whether it is already in stored form: a fast path for the most frequent case. */
function isPrinted(text: string): boolean {
  if (text.length !== 24 || !text.endsWith('Z')) return false;
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text;
}

type Numbers = [number, number, number, number, number];

function offsetMinutes(text: string): number | undefined {
  if (text === 'Z') return 0;
  const hours = Number(text.slice(1, 3));
  const minutes = text.length > 3 ? Number(text.slice(-2)) : 0;
  if (hours > 23 || minutes > 59) return undefined;
  return (text.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}

/** 24:00 is the end of a day. */
function isTime(hour: number, minute: number, second: number, milliseconds: number): boolean {
  if (hour === 24) return minute === 0 && second === 0 && milliseconds === 0;
  return hour < 24 && minute < 60 && second < 60;
}
