import { type FieldErrors, fail, type JsonObject, keepRounded } from '@really/protocol';
import { type Email, parseEmail } from './email/email.js';
import { passwordProblem } from './passwords/password.js';

/** Content of a signup. */
export interface SignupRequest {
  readonly email: Email;
  readonly password: string;
  /** The other members. */
  readonly rest: JsonObject;
}

/** Throws 409 `validation.failed` with what is wrong with either. */
export function readSignup(body: JsonObject): SignupRequest {
  const { email: givenEmail, password: givenPassword, ...rest } = body;
  keepRounded(body, rest);
  const email = typeof givenEmail === 'string' ? parseEmail(givenEmail) : undefined;
  const problem = newPasswordProblem(givenPassword);
  const errors: FieldErrors = {};
  if (!email) errors.email = [textProblem(givenEmail) ?? 'email.invalid'];
  if (problem !== undefined) errors.password = [problem];
  if (!email || problem !== undefined) throw fail('validation.failed', errors);
  return { email, password: String(givenPassword), rest };
}

/** Content of a login. `email` is `undefined` where no account can have it. */
export interface LoginRequest {
  readonly email: Email | undefined;
  readonly password: string;
}

/** Throws 400 where a member is no text, which reveals nothing about accounts. */
export function readLogin(body: JsonObject): LoginRequest {
  const email = textMember(body, 'email');
  return { email: parseEmail(email), password: textMember(body, 'password') };
}

/** Throws 400 where a member is no text, 409 where the new password is not acceptable. */
export function readChange(body: JsonObject): { old: string; password: string } {
  return { old: textMember(body, 'oldPassword'), password: newPassword(body) };
}

/** Content of a reset with the token of an email. Throws as `readChange` does. */
export function readReset(body: JsonObject): { token: string; password: string } {
  return { token: textMember(body, 'token'), password: newPassword(body) };
}

function newPassword({ password }: JsonObject): string {
  const problem = newPasswordProblem(password);
  if (problem !== undefined) throw fail('validation.failed', { password: [problem] });
  return String(password);
}

function newPasswordProblem(given: unknown): string | undefined {
  return textProblem(given) ?? passwordProblem(String(given));
}

/** Throws 400 where the member is no text. */
export function textMember(body: JsonObject, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw fail.invalid(name, 'expected.string');
  return value;
}

function textProblem(value: unknown): string | undefined {
  if (value === undefined || value === null) return 'value.required';
  return typeof value === 'string' ? undefined : 'type.invalid';
}
