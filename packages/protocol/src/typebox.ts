/**
 * The parts of typebox that are used: the build bundles this module with what it imports. The
 * library has hundreds of files, and loading them took a third of a server's start time.
 */
export { type Static, type TProperties, type TSchema, Type } from 'typebox';
export { Compile } from 'typebox/compile';
