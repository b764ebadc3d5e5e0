/** Minimum characters of a password. */
const fewest = 8;

/** Maximum bytes, so that nobody makes the server hash a flood. */
const mostPasswordBytes = 1024;

/** The bytes of a password that are hashed, the same for every Unicode spelling. */
export function passwordBytes(password: string): Uint8Array {
  return Buffer.from(password.normalize('NFC'), 'utf8');
}

/** The error in a new password, as in `errors.password`; `undefined`: none (rule PWD4). */
export function passwordProblem(password: string): string | undefined {
  // Two texts with lone surrogates can have the same bytes.
  if (/\p{Cs}/u.test(password)) return 'type.invalid';
  if (passwordBytes(password).length > mostPasswordBytes) return 'password.too.long';
  return [...password.normalize('NFC')].length < fewest ? 'password.too.short' : undefined;
}
