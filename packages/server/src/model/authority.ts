import type { Auth } from '@really/protocol';

/**
 * Whether no right is checked for this token (rule ADM1): access rules and `hide` do not apply, while
 * validation and all other hooks do.
 */
export function hasAllRights(auth: Auth): boolean {
  return auth.admin === true;
}
