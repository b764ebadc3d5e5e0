/** Characters that a password has at least. */
const fewest = 8;

/** Bytes that it has at most, so that nobody makes the server hash a flood. */
export const mostPasswordBytes = 1024;

/** What is hashed of a password: its bytes, however Unicode spells it. */
export function passwordBytes(password: string): Uint8Array {
  return Buffer.from(password.normalize('NFC'), 'utf8');
}

/** What is wrong with a new password, as `errors.password` tells it; `undefined`: nothing (rule PWD4). */
export function passwordProblem(password: string): string | undefined {
  // Two texts with lone surrogates can have the same bytes.
  if (/\p{Cs}/u.test(password)) return 'type.invalid';
  if (passwordBytes(password).length > mostPasswordBytes) return 'password.too.long';
  return [...password.normalize('NFC')].length < fewest ? 'password.too.short' : undefined;
}
