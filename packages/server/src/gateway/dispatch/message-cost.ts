import { commandsIn, type JsonObject } from '@really/protocol';

/** So many members of objects count as a command: a command with that many is no dearer than one for each hundred of them. */
const membersPerCommand = 100;

/** What no number of members goes beyond: a message of the largest size would never be let in otherwise. */
const mostForMembers = 500;

/** How many commands a message stands for where commands are counted: the commands in it, or more for its members (rule LIM21). */
export function costOf(message: JsonObject, members: number): number {
  return Math.max(commandsIn(message), costOfMembers(members));
}

export function costOfMembers(members: number): number {
  return Math.max(1, Math.min(mostForMembers, Math.floor(members / membersPerCommand)));
}
